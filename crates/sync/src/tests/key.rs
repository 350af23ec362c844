//! The API key: in one header, and nowhere else.

use super::bench::{Bench, KEY, config, opened, v1, v2};
use super::server::{Act, Server, answer, json_answer};
use crate::{SecretString, TargetConfig, TargetKind, TofuPilotV1, TofuPilotV2, open};
use serde_json::json;

/// The key with every character of it written in another way.
fn written(each: impl Fn(u32) -> String) -> String {
    KEY.chars().map(|character| each(character.into())).collect()
}

#[tokio::test]
async fn a_key_that_is_echoed_with_escapes_is_redacted_as_well() {
    let json_escaped = written(|code| format!("\\u{code:04x}"));
    let percent = written(|code| format!("%{code:02X}"));
    let half = written(|code| {
        char::from_u32(code)
            .filter(|c| *c != '-')
            .map_or("\\u002d".to_owned(), String::from)
    });
    for targets in [v2, v1] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(9);
        let json = |status, body: String| Act::Answer(answer(status, "application/json", "", &body));
        server.script([
            json(400, format!(r#"{{"message":"bad key {json_escaped}"}}"#)),
            json(
                422,
                format!(r#"{{"message":"bad","issues":[{{"message":"{half}","path":["{json_escaped}"]}}]}}"#),
            ),
            json(400, format!(r#"{{"message":"cut {json_escaped}"#)),
            json(400, format!(r#"{{"{json_escaped}":"a name"}}"#)),
            json(400, format!("{{\"message\":\"{KEY} {json_escaped}\"}}")),
            json(200, format!(r#"{{"id":"{json_escaped}"}}"#)),
            Act::Answer(answer(400, "text/plain", "", &format!("you sent {percent}"))),
            Act::Answer(answer(
                302,
                "text/plain",
                &format!("location: http://portal/?key={percent}\r\n"),
                "",
            )),
        ]);
        let drained = bench.drain(&targets(&server.url)).await;
        assert!(drained.text().contains("[redacted]"), "{}", drained.text());
        for text in [drained.text(), bench.everything()] {
            for form in [KEY, &json_escaped, &half, &percent] {
                assert!(!text.contains(form), "{form}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn the_key_is_in_no_event_receipt_record_or_debug_text() {
    let echo = json!({"message": format!("bad key {KEY}"), "issues": [{"message": KEY, "path": [KEY]}]});
    let plain = format!("you sent Bearer {KEY}");
    for targets in [v2, v1] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(8);
        server.script([
            Act::Answer(json_answer(400, &echo)),
            Act::Answer(json_answer(500, &echo)),
            Act::Answer(answer(400, "text/plain", "", &plain)),
            Act::Answer(json_answer(200, &echo)),
            Act::Answer(json_answer(200, &json!({"id": KEY}))),
            Act::Answer(answer(
                302,
                "text/plain",
                &format!("location: http://portal/?key={KEY}\r\n"),
                "",
            )),
        ]);
        let drained = bench.drain(&targets(&server.url)).await;
        assert!(drained.words().len() > 5, "{:?}", drained.words());
        assert!(drained.text().contains("[redacted]"), "{}", drained.text());
        server.questions(Some(json_answer(401, &echo)));
        let again = bench.drain(&targets(&server.url)).await;
        let offline = bench.drain(&targets("http://127.0.0.1:1")).await;
        for text in [
            drained.text(),
            again.text(),
            offline.text(),
            bench.everything(),
            format!("{:?}", targets(&server.url)[0].probe().await),
        ] {
            assert!(!text.contains(KEY), "{text}");
        }
        let sent = server
            .requests()
            .iter()
            .filter(|request| request.head.contains(KEY))
            .count();
        assert_eq!(sent, server.requests().len(), "every request carries it");
        assert!(server.requests().iter().all(|request| !request.target.contains(KEY)));
    }
}

#[tokio::test]
async fn no_other_targets_secret_is_anywhere_either() {
    const PASSWORD: &str = "canary-database-password-51f0";
    let server = Server::start().await;
    let mut targets: Vec<(&str, Vec<Box<dyn crate::Target>>)> = vec![
        (
            KEY,
            opened(config(TargetKind::Webhook, &format!("{}/hook", server.url))),
        ),
        (super::buckets::SECRET, super::buckets::bucket(&server.url)),
    ];
    #[cfg(feature = "postgres")]
    {
        // a server that wants the password, and repeats it in its refusal
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            use std::io::{Read, Write};
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 4096];
                let _startup = stream.read(&mut buffer).unwrap();
                stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).unwrap();
                let read = stream.read(&mut buffer).unwrap();
                assert!(String::from_utf8_lossy(&buffer[..read]).contains(PASSWORD));
                let words = format!("SFATAL\0C28P01\0Mnot {PASSWORD}, no\0\0");
                let length = u32::try_from(words.len() + 4).unwrap();
                let refusal = [b"E".as_slice(), &length.to_be_bytes(), words.as_bytes()].concat();
                stream.write_all(&refusal).unwrap();
            }
        });
        let url = format!("postgres://u@127.0.0.1:{port}/x");
        let database = open(config(TargetKind::Postgres, &url), &SecretString::from(PASSWORD)).unwrap();
        targets.push((PASSWORD, vec![database]));
    }
    for (secret, targets) in targets {
        let bench = Bench::new();
        bench.put_runs(3);
        server.script([Act::Answer(json_answer(500, &json!({"message": secret}))), Act::HangUp]);
        let drained = bench.drain(&targets).await;
        assert!(drained.text().contains("[redacted]"), "{}", drained.text());
        for text in [
            drained.text(),
            bench.everything(),
            format!("{:?}", targets[0].probe().await),
        ] {
            assert!(!text.contains(secret), "{text}");
        }
        for request in server.requests() {
            let sent = String::from_utf8_lossy(&request.bytes).into_owned();
            assert!(!request.head.contains(secret) && !sent.contains(secret), "{request:?}");
        }
    }
}

#[test]
fn no_debug_text_of_a_target_holds_the_key() {
    let key = SecretString::from(KEY);
    let keys = SecretString::from(format!("AKIDEXAMPLE\n{KEY}"));
    let said = [
        format!(
            "{:?}",
            TofuPilotV2::new(config(TargetKind::TofuPilotV2, "https://lab.example"), &key).unwrap()
        ),
        format!(
            "{:?}",
            TofuPilotV1::new(config(TargetKind::TofuPilotV1, "https://lab.example"), &key).unwrap()
        ),
        format!(
            "{:?}",
            crate::Webhook::new(config(TargetKind::Webhook, "https://lab.example"), &key).unwrap()
        ),
        format!(
            "{:?}",
            crate::S3::new(config(TargetKind::S3, "https://lab.example/b"), &keys).unwrap()
        ),
        #[cfg(feature = "postgres")]
        format!(
            "{:?}",
            crate::Postgres::new(config(TargetKind::Postgres, "postgres://u@lab.example/x"), &key).unwrap()
        ),
    ];
    for text in said {
        assert!(text.contains("fleet"), "{text}");
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(!format!("{key:?}").contains(KEY));
}

/// The error of a description that cannot be used, as a person and a log would see it.
fn refusal(config: TargetConfig, key: &str) -> String {
    let Err(error) = open(config, &SecretString::from(key)) else {
        panic!("accepted");
    };
    format!("{error} {error:?}")
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_sent() {
    let v2 = config(TargetKind::TofuPilotV2, "https://lab.example");
    for key in ["", "  \n", "two\nlines", "caf\u{e9}\u{0}"] {
        let refused = refusal(v2.clone(), key);
        assert!(refused.contains("API key"), "{refused}");
        assert!(key.trim().is_empty() || !refused.contains(key), "{refused}");
    }
    // A file's newline at the end is not part of the key.
    drop(open(v2.clone(), &SecretString::from(format!("{KEY}\n"))).unwrap());
    let mut unmapped = v2.clone();
    unmapped.procedures.insert("P".into(), "FVT1".into());
    assert!(refusal(unmapped, KEY).contains("is not a UUID"));
    let folder = tempfile::tempdir().unwrap();
    let missing = TargetConfig {
        ca_file: Some(folder.path().join("ca.pem")),
        ..v2.clone()
    };
    assert!(refusal(missing, KEY).contains("ca.pem"));
    let no_pem = TargetConfig {
        ca_file: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into()),
        ..v2.clone()
    };
    assert!(refusal(no_pem, KEY).contains("no usable certificate"));
    let plain = TargetConfig {
        url: "http://lab.example".into(),
        ..v2
    };
    assert!(refusal(plain, KEY).contains("https"));
}
