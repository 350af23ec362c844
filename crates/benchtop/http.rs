//! As much of HTTP/1.1 as the servers on this machine need, by hand: the demo server must be able to break off anywhere, which
//! no framework does.

use benchtop_instrument::{Clock, RealClock};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longest head of a request.
const MOST_HEAD: usize = 64 * 1024;
/// Longest body of a request.
const MOST_BODY: usize = 128 * 1024 * 1024;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let known = self.headers.iter().find(|(known, _)| known == name);
        known.map(|(_, value)| value.as_str())
    }

    /// The path in pieces.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|piece| !piece.is_empty()).collect()
    }

    /// The values of a key of the query, decoded.
    pub(crate) fn queried(&self, key: &str) -> Vec<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(known, _)| *known == key)
            .map(|(_, value)| decoded(value))
            .collect()
    }
}

/// What to say, and how to end.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) ending: Ending,
    pub(crate) delay: Duration,
}

/// How much of the reply is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All of it, and the connection stays open.
    Whole,
    /// All but its last bytes.
    Cut,
    /// Nothing.
    HangUp,
}

impl Reply {
    pub(crate) const fn new(status: u16, media: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            media,
            headers: Vec::new(),
            body,
            ending: Ending::Whole,
            delay: Duration::ZERO,
        }
    }
}

/// Takes requests from a connection until one of the two sides ends it.
pub(crate) async fn converse(mut stream: TcpStream, answer: impl Fn(Request) -> Reply) -> io::Result<()> {
    let clock = RealClock::new();
    let mut buffer = Vec::new();
    while let Some(request) = receive(&mut stream, &mut buffer).await? {
        let wants_close = request.header("connection") == Some("close");
        let is_head = request.method == "HEAD";
        let reply = answer(request);
        clock.sleep_until(clock.now().after(reply.delay)).await;
        let mut bytes = head(&reply).into_bytes();
        if !is_head {
            bytes.extend_from_slice(&reply.body);
        }
        match reply.ending {
            Ending::Whole => stream.write_all(&bytes).await?,
            Ending::Cut => {
                bytes.truncate(bytes.len().saturating_sub(2));
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Ending::HangUp => return Ok(()),
        }
        if wants_close {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

fn head(reply: &Reply) -> String {
    let mut head = format!(
        "HTTP/1.1 {} Said\r\ncontent-type: {}\r\ncontent-length: {}\r\ndate: {}\r\n",
        reply.status,
        reply.media,
        reply.body.len(),
        RealClock::new().utc().format("%a, %d %b %Y %H:%M:%S GMT"),
    );
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

async fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let end = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > MOST_HEAD || !more(stream, buffer).await? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).into_owned();
    buffer.drain(..end + 4);
    let Some(mut request) = parse(&head) else {
        return Ok(None);
    };
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let is_chunked = request
        .header("transfer-encoding")
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let length = request
        .header("content-length")
        .map_or(Some(0), |length| length.parse().ok());
    let body = match (is_chunked, length) {
        (true, _) => chunked(stream, buffer).await?,
        (false, Some(length)) => exactly(stream, buffer, length).await?,
        // where the next request begins cannot be told
        (false, None) => None,
    };
    let Some(body) = body else { return Ok(None) };
    request.body = body;
    Ok(Some(request))
}

fn parse(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    Some(Request {
        method: method.to_owned(),
        path: decoded(path),
        query: query.to_owned(),
        headers: headers
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    })
}

/// So many bytes; none when the client went away or wants too much.
async fn exactly(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> io::Result<Option<Vec<u8>>> {
    if length > MOST_BODY {
        return Ok(None);
    }
    while buffer.len() < length {
        if !more(stream, buffer).await? {
            return Ok(None);
        }
    }
    Ok(Some(buffer.drain(..length).collect()))
}

async fn chunked(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = find(buffer, b"\r\n") {
                break end;
            }
            if buffer.len() > MOST_HEAD || !more(stream, buffer).await? {
                return Ok(None);
            }
        };
        let line: Vec<u8> = buffer.drain(..end + 2).collect();
        let digits = String::from_utf8_lossy(&line);
        let digits = digits.trim().split(';').next().unwrap_or_default().to_owned();
        let Ok(length) = usize::from_str_radix(&digits, 16) else {
            return Ok(None);
        };
        let with_end = length.saturating_add(2);
        let Some(mut chunk) = exactly(stream, buffer, with_end).await? else {
            return Ok(None);
        };
        if length == 0 {
            return Ok(Some(body));
        }
        chunk.truncate(length);
        body.append(&mut chunk);
        if body.len() > MOST_BODY {
            return Ok(None);
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let before = buffer.len();
    buffer.resize(before + 16 * 1024, 0);
    let read = stream.read(buffer.get_mut(before..).unwrap_or_default()).await;
    buffer.truncate(before + *read.as_ref().unwrap_or(&0));
    Ok(read? > 0)
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// Percent signs and plus signs undone.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let digits = String::from_utf8_lossy(&digits).into_owned();
                out.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
