mod conformance;

use super::{Content, Line, OPERATIONS, Recorder, ReplaySession, parse};
use crate::TraceEvent;
use benchtop_instrument::{Clock, ErrorKind, RealClock, Resource, Session, SessionExt, SessionState};
use proptest::prelude::*;
use std::{fs, io::Write, sync::Arc};

fn replay(text: &str, name: Option<&str>) -> (tempfile::TempDir, ReplaySession) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.txt");
    fs::File::create_new(&file).unwrap().write_all(text.as_bytes()).unwrap();
    let resource = Resource::Replay {
        file: file.display().to_string(),
        name: name.map(str::to_owned),
    };
    let session = ReplaySession::open(&resource).unwrap();
    (folder, session)
}

#[tokio::test]
async fn a_transcript_answers_what_it_holds_and_refuses_the_first_message_that_differs() {
    let text = "# source: x\n> *IDN?\n< A,B,C,D\n> READ?\n! read failed: timeout (no answer in 2 s)\n> *CLS\n";
    let (_folder, mut session) = replay(text, None);
    let deadline = RealClock::shared().now();
    assert_eq!(session.query("*IDN?", deadline).await.unwrap(), "A,B,C,D");
    let late = session.query("READ?", deadline).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    let unrecovered = session.write(b"*CLS", deadline).await.unwrap_err();
    assert_eq!(unrecovered.kind(), ErrorKind::Desynchronised);
    session.recover(deadline).await.unwrap();
    let other = session.write(b"*RST", deadline).await.unwrap_err().to_string();
    assert!(
        other.contains("t.txt:6: `> *CLS` is next, but `> *RST` was sent"),
        "{other}"
    );
    // what has left the transcript never comes back to it
    let again = session.recover(deadline).await.unwrap_err().to_string();
    assert!(again.contains("t.txt:6"), "{again}");
    assert_eq!(session.state(), SessionState::Disconnected);
}

#[tokio::test]
async fn after_its_last_line_a_transcript_answers_nothing() {
    let (_folder, mut session) = replay("> *OPC?\n< 1\n", None);
    let deadline = RealClock::shared().now();
    session.query("*OPC?", deadline).await.unwrap();
    let error = session.query("*OPC?", deadline).await.unwrap_err().to_string();
    assert!(error.contains("ends here, but `> *OPC?` was sent"), "{error}");
}

#[tokio::test]
async fn what_is_recorded_is_replayed_and_of_several_instruments_one_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.txt");
    let clock: Arc<dyn Clock> = RealClock::shared();
    let deadline = clock.now();
    let recorder = Recorder::create(&path, "a test\nwith a break").unwrap();
    let (_dmm_folder, dmm) = replay(
        "> A?\n< 1\\xff\\\\\n! device clear\n! status byte 16\n> B?\n! read failed: disconnected (gone)\n",
        None,
    );
    let (_psu_folder, psu) = replay("> C\n! recovered\n! closed\n", None);
    let mut dmm = recorder.record("dmm", Box::new(dmm), &clock);
    let mut psu = recorder.record("psu", Box::new(psu), &clock);
    dmm.write(b"A?", deadline).await.unwrap();
    psu.write(b"C", deadline).await.unwrap();
    assert_eq!(dmm.read(deadline).await.unwrap(), b"1\xff\\");
    dmm.clear(deadline).await.unwrap();
    assert_eq!(dmm.status_byte(deadline).await.unwrap(), 16);
    psu.recover(deadline).await.unwrap();
    psu.close().await.unwrap();
    assert!(dmm.query("B?", deadline).await.is_err());
    recorder.finish().unwrap();

    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("# source: a testwith a break\n@ dmm REPLAY::"),
        "{text}"
    );
    let mut unnamed: Resource = format!("REPLAY::{}", path.display()).parse().unwrap();
    let error = ReplaySession::open(&unnamed).unwrap_err().to_string();
    assert!(error.contains("of dmm, psu"), "{error}");
    unnamed = format!("REPLAY::{}::dmm", path.display()).parse().unwrap();
    let mut again = ReplaySession::open(&unnamed).unwrap();
    again.write(b"A?", deadline).await.unwrap();
    assert_eq!(again.read(deadline).await.unwrap(), b"1\xff\\");
    again.clear(deadline).await.unwrap();
    assert_eq!(again.status_byte(deadline).await.unwrap(), 16);
    let gone = again.query("B?", deadline).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Disconnected);
    // a transcript is never written over
    assert!(Recorder::create(&path, "again").is_err());
}

#[test]
fn a_line_that_is_none_is_named() {
    for (text, line, what) in [
        ("> A\n? B\n", 2, "begins with"),
        ("> \\q\n", 1, "no escape"),
        ("> \\xZZ\n", 1, "no escape"),
        ("! nonsense\n", 1, "nothing that is done"),
        ("! read failed: boredom\n", 1, "nothing that is done"),
        ("! status byte 300\n", 1, "nothing that is done"),
    ] {
        let error = parse("t.txt", text).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn a_failure_of_any_operation_survives_its_line() {
    for operation in OPERATIONS {
        for (word, kind) in ErrorKind::ALL {
            let event = TraceEvent::Failed {
                operation: *operation,
                kind: *kind,
                message: format!("read failed: {word} (so they say)"),
            };
            let lines = parse("t", &event.to_string()).unwrap();
            let content = Content::Event(event);
            assert_eq!(lines, vec![Line { number: 1, content }]);
        }
    }
}

proptest! {
    #[test]
    fn any_message_survives_its_line(message in proptest::collection::vec(any::<u8>(), 0..40)) {
        let event = TraceEvent::Written(message);
        let lines = parse("t", &event.to_string()).unwrap();
        prop_assert_eq!(lines, vec![Line { number: 1, content: Content::Event(event) }]);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}") {
        drop(parse("t", &text));
    }
}
