//! TLS: a private authority is believed where it is named, and nobody else is; nothing is sent to who is not believed.

use super::bench::{Bench, KEY, config, opened};
use crate::{TargetConfig, TargetKind};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Runs openssl in the folder; false, said aloud, where there is none.
fn openssl(folder: &Path, words: &str) -> bool {
    let ran = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(folder)
        .output();
    match ran {
        Ok(ran) => {
            assert!(
                ran.status.success(),
                "{words}: {}",
                String::from_utf8_lossy(&ran.stderr)
            );
            true
        }
        Err(_) => {
            println!("skipped: openssl is not installed");
            false
        }
    }
}

/// An authority of its own, and a certificate of it for 127.0.0.1 and no name.
fn authority(folder: &Path, name: &str) -> Option<PathBuf> {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let made = openssl(
        folder,
        &format!("req -x509 {key} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name}"),
    );
    if !made {
        return None;
    }
    let mut names = std::fs::File::create(folder.join("names")).unwrap();
    names.write_all(b"subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        folder,
        &format!("req {key} -keyout {name}-server.key -out {name}.csr -subj /CN=server"),
    );
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA {name}.pem -CAkey {name}.key -CAcreateserial -days 2 -extfile names -out {name}-server.pem"
        ),
    );
    Some(folder.join(format!("{name}.pem")))
}

/// A server with the authority's certificate; what it was sent.
fn serve(folder: &Path, name: &str) -> (u16, Arc<Mutex<String>>) {
    let certificate = CertificateDer::from_pem_file(folder.join(format!("{name}-server.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}-server.key"))).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![certificate], key);
    let server = Arc::new(server.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&server)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let is_end = text.ends_with('}') || text.starts_with("GET");
                heard.lock().unwrap().push_str(&text);
                if is_end {
                    break;
                }
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\nconnection: close\r\n\r\n{\"id\":\"x\"}";
            // a client that does not believe us has gone
            let _answered = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
            stream.conn.send_close_notify();
            let _closed = stream.flush();
        }
    });
    (port, sent)
}

#[tokio::test]
async fn only_the_authority_that_is_named_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(right), Some(wrong)) = (authority(folder.path(), "right"), authority(folder.path(), "wrong")) else {
        return;
    };
    for (ca_file, host, believed) in [
        (Some(&right), "127.0.0.1", true),
        (Some(&wrong), "127.0.0.1", false),
        (None, "127.0.0.1", false),
        // its certificate names the address only
        (Some(&right), "localhost", false),
    ] {
        let (port, sent) = serve(folder.path(), "right");
        let bench = Bench::new();
        bench.put_runs(1);
        let target = TargetConfig {
            ca_file: ca_file.cloned(),
            ..config(TargetKind::TofuPilotV2, &format!("https://{host}:{port}"))
        };
        let drained = bench.drain(&opened(target)).await;
        let synced = drained.summary.synced == 1;
        assert_eq!(synced, believed, "{ca_file:?} {host}: {}", drained.text());
        let heard = sent.lock().unwrap().to_lowercase();
        assert_eq!(heard.contains(KEY), believed, "{heard}");
        if !believed {
            assert!(drained.text().contains("not sent"), "{}", drained.text());
            assert_eq!(bench.names("pending").len(), 1);
        }
    }
}

#[tokio::test]
async fn plain_http_and_a_proxy_that_is_none_are_refused() {
    for url in ["http://lab.example", "http://10.0.0.9:8080"] {
        let refused = crate::open(config(TargetKind::Webhook, url), &crate::SecretString::from(KEY));
        assert!(refused.is_err(), "{url}");
    }
    let behind = TargetConfig {
        proxy: Some("socks5://user:hunter2@10.0.0.1".into()),
        ..config(TargetKind::TofuPilotV2, "https://lab.example")
    };
    let Err(error) = crate::open(behind, &crate::SecretString::from(KEY)) else {
        panic!("accepted");
    };
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_is_named_is_gone_through() {
    let (proxy, bench) = (super::server::Server::start().await, Bench::new());
    bench.put_runs(1);
    let behind = TargetConfig {
        proxy: Some(proxy.url.clone()),
        // nobody listens there: only the proxy can answer
        ..config(TargetKind::TofuPilotV2, "http://127.0.0.1:1")
    };
    let drained = bench.drain(&opened(behind)).await;
    assert_eq!(drained.words(), ["synced"], "{}", drained.text());
    assert_eq!(proxy.requests()[0].target, "http://127.0.0.1:1/api/v2/runs");
}
