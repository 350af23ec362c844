//! A recording server on 127.0.0.1 that keeps runs as TofuPilot does and fails as it is told, byte by byte.

use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with the next run that is posted.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Keeps it and says so.
    Store,
    /// Keeps it and closes the connection without a word.
    StoreThenHangUp,
    /// Keeps it and sends the answer but for its last byte.
    StoreThenCut,
    /// Keeps it and answers with these bytes: somebody in between speaks.
    StoreThenAnswer(String),
    /// Closes the connection without a word.
    HangUp,
    /// Keeps nothing; answers with these bytes.
    Answer(String),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) head: String,
    pub(super) body: Value,
    pub(super) bytes: Vec<u8>,
}

/// What the server holds.
#[derive(Debug, Default)]
struct Held {
    requests: Vec<Request>,
    runs: Vec<Value>,
    /// Of a bucket: what says whose they are, and bytes, by path.
    objects: BTreeMap<String, (Option<String>, Vec<u8>)>,
    script: VecDeque<Act>,
    url: String,
    /// Answers to questions, in place of the real ones.
    questions: Option<String>,
    /// Answers to questions for a list of runs.
    lists: Option<String>,
    /// Older than `whoami` and the reference of a run.
    is_old: bool,
    /// Answers to the next `whoami`s, in place of the real ones.
    whoami: VecDeque<String>,
    /// What a run says of its attachments.
    attachments: Value,
}

/// The server; it ends with this value.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: String,
    held: Arc<Mutex<Held>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a status line, a content type, further header lines and a body.
pub(super) fn answer(status: u16, media: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {media}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

/// An answer of TofuPilot.
pub(super) fn json_answer(status: u16, body: &Value) -> String {
    answer(status, "application/json; charset=utf-8", "", &body.to_string())
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let held = Arc::new(Mutex::new(Held {
            url: url.clone(),
            ..Held::default()
        }));
        let task = tokio::spawn(serve(listener, Arc::clone(&held)));
        Self { url, held, task }
    }

    /// What the server will do with the next runs; after that it stores.
    pub(super) fn script(&self, acts: impl IntoIterator<Item = Act>) {
        self.held().script.extend(acts);
    }

    /// What the server answers to every question from now on; `None` for the truth.
    pub(super) fn questions(&self, answer: Option<String>) {
        self.held().questions = answer;
    }

    /// What the server answers to questions for a list of runs; `None` for the truth.
    pub(super) fn lists(&self, answer: Option<String>) {
        self.held().lists = answer;
    }

    /// What the server answers to the next so many `whoami`s.
    pub(super) fn whoami(&self, times: usize, answer: &str) {
        self.held().whoami.extend(std::iter::repeat_n(answer.to_owned(), times));
    }

    /// Whether the server knows neither `whoami` nor the reference of a run, from now on.
    pub(super) fn is_old(&self, is_old: bool) {
        self.held().is_old = is_old;
    }

    /// What a run says of its attachments.
    pub(super) fn names_attachments(&self, attachments: Value) {
        self.held().attachments = attachments;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    /// Whatever it was to do, it stores from now on.
    pub(super) fn clear(&self) {
        self.held().script.clear();
    }

    /// The bytes of an object in its bucket.
    pub(super) fn object(&self, path: &str) -> Option<Vec<u8>> {
        self.held().objects.get(path).map(|(_, bytes)| bytes.clone())
    }

    /// Puts an object into its bucket; without a digest it does not say whose it is.
    pub(super) fn keeps_object(&self, path: &str, digest: Option<&str>, bytes: &[u8]) {
        let object = (digest.map(str::to_owned), bytes.to_vec());
        self.held().objects.insert(path.to_owned(), object);
    }

    /// Bodies of the runs that it keeps, in the order in which they were kept.
    pub(super) fn runs(&self) -> Vec<Value> {
        self.held().runs.clone()
    }

    /// What it keeps from now on.
    pub(super) fn keeps(&self, runs: Vec<Value>) {
        self.held().runs = runs;
    }

    /// Every request so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.held().requests.clone()
    }

    /// How many requests came with this method.
    pub(super) fn count(&self, method: &str) -> usize {
        self.held()
            .requests
            .iter()
            .filter(|request| request.method == method)
            .count()
    }

    /// Method and path of every request that changes something.
    pub(super) fn changes(&self) -> Vec<String> {
        let held = self.held();
        let changes = held.requests.iter().filter(|request| request.method != "GET");
        changes
            .map(|request| format!("{} {}", request.method, request.target))
            .collect()
    }

    /// The serial numbers of the runs that it keeps.
    pub(super) fn serials(&self) -> Vec<String> {
        self.held().runs.iter().map(|run| serial(run).to_owned()).collect()
    }
}

async fn serve(listener: TcpListener, held: Arc<Mutex<Held>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&held)));
    }
}

/// One request, one answer, closed.
async fn converse(mut stream: TcpStream, held: Arc<Mutex<Held>>) {
    let Some(request) = receive(&mut stream).await else {
        return;
    };
    let reply = {
        let mut held = held.lock().unwrap();
        held.requests.push(request.clone());
        reply(&mut held, &request)
    };
    // A client that has gone is a client that has gone.
    let _sent = stream.write_all(reply.as_bytes()).await;
    let _closed = stream.shutdown().await;
}

async fn receive(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let lower = head.to_lowercase();
            let length = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                let mut words = head.split(' ');
                return Some(Request {
                    method: words.next()?.to_owned(),
                    target: words.next()?.to_owned(),
                    body: serde_json::from_slice(&bytes[end + 4..]).unwrap_or(Value::Null),
                    bytes: bytes[end + 4..].to_vec(),
                    head: lower,
                });
            }
        }
        let read = stream.read(&mut chunk).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&chunk[..read]);
    }
}

fn reply(held: &mut Held, request: &Request) -> String {
    if request.method == "HEAD" {
        return match held.objects.get(&request.target) {
            Some((digest, _)) => {
                let said = digest.as_ref();
                let said = said.map(|digest| format!("x-amz-meta-benchtop-sha256: {digest}\r\n"));
                answer(200, "text/plain", &said.unwrap_or_default(), "")
            }
            None => answer(404, "application/xml", "", ""),
        };
    }
    if request.method == "GET" {
        if request.target.contains("whoami")
            && let Some(said) = held.whoami.pop_front()
        {
            return said;
        }
        let lists = held
            .lists
            .clone()
            .filter(|_| request.target.contains("/runs?") && !request.target.contains("PROBE"));
        let said = held.questions.clone().or(lists);
        return said.unwrap_or_else(|| listed(held, &request.target));
    }
    let act = held.script.pop_front().unwrap_or(Act::Store);
    match act {
        Act::Store => stored(held, request),
        Act::StoreThenHangUp => {
            stored(held, request);
            String::new()
        }
        Act::StoreThenCut => {
            let mut answer = stored(held, request);
            answer.pop();
            answer
        }
        Act::StoreThenAnswer(answer) => {
            stored(held, request);
            answer
        }
        Act::HangUp => String::new(),
        Act::Answer(answer) => answer,
    }
}

/// v2 keeps a reference once; v1 knows none. Attachments are as the captured answers have them.
fn stored(held: &mut Held, request: &Request) -> String {
    let path = request.target.as_str();
    if path.ends_with("/attachments") || path.ends_with("/initialize") {
        let place = format!("{}/storage/{}", held.url, held.requests.len());
        return json_answer(200, &json!({"id": id(9), "upload_url": place, "uploadUrl": place}));
    }
    if path.starts_with("/bucket/") {
        let is_there = held.objects.contains_key(path);
        if is_there && request.head.contains("if-none-match: *") {
            return answer(412, "application/xml", "", "<Error/>");
        }
        let line = |name: &str| request.head.lines().find_map(|line| line.strip_prefix(name));
        let digest = line("x-amz-meta-benchtop-sha256: ").map(str::to_owned);
        held.objects.insert(path.to_owned(), (digest, request.bytes.clone()));
        return answer(200, "application/xml", "", "");
    }
    if path.starts_with("/storage/") {
        return answer(200, "text/plain", "", "");
    }
    if path.ends_with("/finalize") || path.ends_with("/sync") {
        return json_answer(200, &json!({"url": "https://storage.example/x"}));
    }
    let reference = request.body.get("client_run_ref");
    let reference = reference.filter(|_| !held.is_old);
    let known = reference.and_then(|one| held.runs.iter().position(|run| run.get("client_run_ref") == Some(one)));
    let index = known.unwrap_or_else(|| {
        held.runs.push(request.body.clone());
        held.runs.len() - 1
    });
    json_answer(200, &json!({"id": id(index)}))
}

/// The server's name for the run that it kept as the n-th.
pub(super) fn id(index: usize) -> String {
    format!("11111111-2222-4333-8444-{index:012}")
}

fn serial(run: &Value) -> &str {
    let uut = run.get("unit_under_test").unwrap_or(run);
    uut["serial_number"].as_str().unwrap()
}

fn listed(held: &Held, target: &str) -> String {
    if target.contains("/runs/") {
        return json_answer(200, &json!({"id": id(0), "attachments": held.attachments}));
    }
    if target.contains("whoami") && held.is_old {
        return json_answer(404, &json!({"message": "Not found", "code": "NOT_FOUND"}));
    }
    if target.contains("whoami") {
        let station = json!({"type": "station", "station": {"name": "STA1"}, "organization": {"name": "Acme"}});
        return json_answer(200, &station);
    }
    let runs = held
        .runs
        .iter()
        .enumerate()
        .filter(|(_, run)| target.contains(serial(run)));
    let runs: Vec<Value> = runs
        .map(|(index, run)| json!({"id": id(index), "started_at": run["started_at"], "outcome": "PASS"}))
        .collect();
    match target.contains("/v1/") {
        true => json_answer(200, &json!(runs)),
        false => json_answer(200, &json!({"data": runs, "meta": {"has_more": false}})),
    }
}
