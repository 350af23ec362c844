//! The routes of both versions, with the answers that the official clients were seen to take.

use super::{faults::Fault, held::Held, page};
use crate::http::{Reply, Request};
use serde_json::{Value, json};

pub(super) fn answer(held: &mut Held, request: &Request) -> Reply {
    let segments = request.segments();
    match segments.as_slice() {
        [] => return page::page(held),
        ["demo", rest @ ..] => return demo(held, request, rest),
        _ => {}
    }
    held.requests += 1;
    let fault = held.faults.next();
    let served = match fault {
        Some(fault) if !fault.is_served() => json_reply(200, &Value::Null),
        Some(Fault::Twice) => {
            drop(serve(held, request, &segments));
            serve(held, request, &segments)
        }
        Some(_) | None => serve(held, request, &segments),
    };
    match fault {
        Some(fault) => fault.spoil(served),
        None => served,
    }
}

/// What tests ask for: what arrived, and faults.
fn demo(held: &mut Held, request: &Request, rest: &[&str]) -> Reply {
    match (request.method.as_str(), rest) {
        ("GET", ["arrived"]) => json_reply(200, &held.arrived()),
        ("POST", ["faults"]) => match held.set_faults(&json_of(request)) {
            Ok(()) => json_reply(200, &json!({"ok": true})),
            Err(reason) => json_reply(400, &json!({ "message": reason })),
        },
        _ => refused(404, "Not found", "", ""),
    }
}

fn serve(held: &mut Held, request: &Request, segments: &[&str]) -> Reply {
    if let ["storage", id] = segments {
        return storage(held, request, id);
    }
    if let ("POST", ["hook", ..]) = (request.method.as_str(), segments) {
        return hook(held, request);
    }
    let key = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    if key.is_none_or(|key| key.trim().is_empty()) {
        return refused(401, "Invalid API key", "", "");
    }
    match (request.method.as_str(), segments) {
        ("GET", ["api", "v2", "whoami"]) if !held.is_old => json_reply(200, &whoami()),
        ("POST", ["api", "v2", "runs"]) => create_v2(held, json_of(request)),
        ("GET", ["api", "v2", "runs"]) => json_reply(200, &list_v2(held, request)),
        ("GET", ["api", "v2", "runs", id]) => match held.runs.iter().find(|run| run.id == *id) {
            Some(run) => json_reply(200, &with_attachments(held, with_id(run.id.as_str(), &run.body), id)),
            None => refused(404, "Run not found", "", ""),
        },
        ("POST", ["api", "v2", "runs", id, "attachments"]) => begin_v2(held, request, id),
        ("POST", ["api", "v2", "attachments", id, "finalize"]) => finish(held, id, None),
        ("POST", ["api", "v1", "runs"]) => create_v1(held, json_of(request)),
        ("GET", ["api", "v1", "runs"]) => json_reply(200, &list_v1(held, request)),
        ("POST", ["api", "v1", "uploads", "initialize"]) => {
            let id = held.room(None, text(&json_of(request), "name"));
            let url = format!("http://{}/storage/{id}?signature=demo", held.address);
            json_reply(200, &json!({"id": id, "uploadUrl": url}))
        }
        ("POST", ["api", "v1", "uploads", "sync"]) => {
            let body = json_of(request);
            finish(held, &text(&body, "upload_id"), Some(text(&body, "run_id")))
        }
        _ => refused(404, "Not found", "", ""),
    }
}

fn whoami() -> Value {
    json!({
        "type": "station",
        "station": {"id": "11111111-2222-4333-8444-555555555555", "name": "DEMO"},
        "user": null,
        "organization": {"id": "11111111-2222-4333-8444-555555555555", "slug": "demo", "name": "Demo"},
    })
}

/// The members that v2 requires, and the few rules that are known of it.
fn create_v2(held: &mut Held, body: Value) -> Reply {
    for member in ["outcome", "procedure_id", "started_at", "ended_at", "serial_number"] {
        if text(&body, member).is_empty() {
            return refused(400, "Invalid input", member, "Required");
        }
    }
    if text(&body, "procedure_id").len() != 36 {
        return refused(400, "Invalid input", "procedure_id", "Invalid uuid");
    }
    if !["PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED"].contains(&text(&body, "outcome").as_str()) {
        return refused(400, "Invalid input", "outcome", "Invalid enum value");
    }
    let id = match held.is_old {
        true => held.keep_anyway(2, body),
        false => held.keep(2, body),
    };
    json_reply(200, &json!({ "id": id }))
}

fn create_v1(held: &mut Held, body: Value) -> Reply {
    let serial = body.pointer("/unit_under_test/serial_number").and_then(Value::as_str);
    if serial.is_none_or(str::is_empty) {
        return json_reply(400, &json!({"error": {"message": "Serial number is required"}}));
    }
    let id = held.keep(1, body);
    json_reply(200, &json!({"id": id, "message": "Run created"}))
}

fn with_id(id: &str, body: &Value) -> Value {
    let mut run = body.clone();
    if let Some(members) = run.as_object_mut() {
        members.insert("id".to_owned(), id.into());
    }
    run
}

/// A run that names its attachments.
fn with_attachments(held: &Held, mut run: Value, run_id: &str) -> Value {
    let own = held
        .attachments
        .iter()
        .filter(|(_, attached)| attached.run_id.as_deref() == Some(run_id));
    let named: Vec<Value> = own
        .map(|(id, attached)| json!({"id": id, "name": attached.name, "size": attached.bytes.as_ref().map(Vec::len)}))
        .collect();
    if let Some(members) = run.as_object_mut() {
        members.insert("attachments".to_owned(), named.into());
    }
    run
}

fn list_v2(held: &Held, request: &Request) -> Value {
    let serials = request.queried("serial_numbers");
    let runs = held.runs.iter().filter(|run| run.version == 2);
    let runs = runs.filter(|run| serials.is_empty() || serials.iter().any(|serial| serial == run.serial_number()));
    let data: Vec<Value> = runs.map(|run| with_id(&run.id, &run.body)).collect();
    json!({"data": data, "meta": {"has_more": false}})
}

fn list_v1(held: &Held, request: &Request) -> Value {
    let serials = request.queried("serial_number");
    let runs = held.runs.iter().filter(|run| run.version == 1);
    let runs = runs.filter(|run| serials.iter().any(|serial| serial == run.serial_number()));
    runs.map(|run| with_id(&run.id, &run.body)).collect()
}

fn begin_v2(held: &mut Held, request: &Request, run_id: &str) -> Reply {
    if !held.runs.iter().any(|run| run.id == run_id) {
        return refused(404, "Run not found", "", "");
    }
    let id = held.room(Some(run_id.to_owned()), text(&json_of(request), "name"));
    let url = format!("http://{}/storage/{id}?signature=demo", held.address);
    json_reply(200, &json!({"id": id, "upload_url": url}))
}

/// Storage: no key, and a URL that lives for a minute.
fn storage(held: &mut Held, request: &Request, id: &str) -> Reply {
    match (request.method.as_str(), held.attachments.get_mut(id)) {
        ("PUT", Some(attached)) if attached.is_expired() => Reply::new(
            403,
            "application/xml",
            b"<Error><Code>AccessDenied</Code></Error>".to_vec(),
        ),
        ("PUT", Some(attached)) => {
            attached.bytes = Some(request.body.clone());
            Reply::new(200, "text/plain", Vec::new())
        }
        ("GET", Some(attached)) => {
            let bytes = attached.bytes.clone().unwrap_or_default();
            Reply::new(200, "application/octet-stream", bytes)
        }
        (_, Some(_) | None) => refused(404, "Not found", "", ""),
    }
}

fn finish(held: &mut Held, id: &str, run_id: Option<String>) -> Reply {
    let Some(attached) = held.attachments.get_mut(id) else {
        return refused(404, "Attachment not found", "", "");
    };
    if attached.bytes.is_none() {
        return refused(400, "Nothing was uploaded", "", "");
    }
    attached.finished = true;
    attached.run_id = run_id.or_else(|| attached.run_id.take());
    let url = format!("http://{}/storage/{id}", held.address);
    json_reply(200, &json!({"url": url, "success": true}))
}

/// A webhook's receiver: keeps the record under its run id, once.
fn hook(held: &mut Held, request: &Request) -> Reply {
    let key = request.header("idempotency-key").unwrap_or_default().to_owned();
    if key.is_empty() {
        return refused(400, "Idempotency-Key is missing", "", "");
    }
    let body = json!({"client_run_ref": key, "record": json_of(request)});
    let id = held.keep(2, body);
    json_reply(200, &json!({ "id": id }))
}

fn json_of(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or(Value::Null)
}

fn text(body: &Value, member: &str) -> String {
    body.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn json_reply(status: u16, body: &Value) -> Reply {
    Reply::new(status, "application/json", body.to_string().into_bytes())
}

fn refused(status: u16, message: &str, member: &str, issue: &str) -> Reply {
    let issues = match member {
        "" => json!([]),
        _ => json!([{"message": issue, "path": [member]}]),
    };
    json_reply(status, &json!({"message": message, "code": "DEMO", "issues": issues}))
}
