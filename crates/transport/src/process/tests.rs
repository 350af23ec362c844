//! Real processes: this test's own program, started again as a child that misbehaves, and a few of the system's.

use super::{Ending, Program, run};
use benchtop_instrument::{Clock, ClockExt, RealClock};
use rustix::process::{Pid, test_kill_process};
use std::{io::Write, process::Command, time::Duration};

/// Where a child of this very program is told what to be.
const ROLE: &str = "BENCHTOP_TEST_ROLE";

fn program(argv: &[&str]) -> Program {
    Program {
        argv: argv.iter().map(|text| (*text).to_owned()).collect(),
        ..Program::default()
    }
}

/// This test's program as a child that plays `role`.
fn child(role: &str) -> Program {
    let own = std::env::current_exe().unwrap();
    Program {
        variables: vec![(ROLE.to_owned(), role.to_owned())],
        ..program(&[
            own.to_str().unwrap(),
            "--exact",
            "process::tests::plays_its_role_in_a_child",
            "--nocapture",
        ])
    }
}

/// No test in itself: what the other tests start.
#[test]
#[expect(
    clippy::zombie_processes,
    reason = "one of the roles leaves its child behind, for whoever started it to find"
)]
fn plays_its_role_in_a_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut out = std::io::stdout();
    match role.as_str() {
        "a parent that hangs" => {
            let mut grandchild = Command::new("sleep").arg("600").spawn().unwrap();
            writeln!(out, "\npids {} {}", std::process::id(), grandchild.id()).unwrap();
            out.flush().unwrap();
            grandchild.wait().unwrap();
        }
        "a parent that leaves its child behind" => {
            let grandchild = Command::new("sleep").arg("600").spawn().unwrap();
            writeln!(out, "\npids {}", grandchild.id()).unwrap();
        }
        "a flood" => {
            let line = [b'x'; 1024];
            for _ in 0..4096 {
                out.write_all(&line).unwrap();
            }
            writeln!(out, "\nthe end").unwrap();
            std::io::stderr().write_all(&[b'e'; 200_000]).unwrap();
        }
        other => panic!("no role `{other}`"),
    }
}

fn pids(text: &str) -> Vec<Pid> {
    let line = text.lines().find_map(|line| line.strip_prefix("pids "));
    let numbers = line.unwrap_or_default().split(' ');
    numbers
        .filter_map(|number| Pid::from_raw(number.parse().ok()?))
        .collect()
}

/// Waits until none of them is there, for ten seconds at most.
async fn gone(pids: &[Pid]) {
    let clock = RealClock::new();
    let deadline = clock.now().after(Duration::from_secs(10));
    // a dead one whose parent has not looked yet has an end all the same
    let alive = |pid: &Pid| {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        let is_dead = status
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'));
        test_kill_process(*pid).is_ok() && !is_dead
    };
    while pids.iter().any(alive) {
        assert!(clock.now() < deadline, "{pids:?} live");
        clock.sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_command_ends_with_its_code_and_its_output() {
    let completed = run(&program(&["printf", "%s|", "a b", "$HOME", "*"]), 1000)
        .await
        .unwrap();
    assert_eq!(completed.ending, Ending::Code(0));
    assert_eq!(completed.output.text(), "a b|$HOME|*|");
    let failing = run(&program(&["ls", "/there/is/no/such/folder"]), 1000).await.unwrap();
    assert_eq!(failing.ending, Ending::Code(2));
    assert!(failing.error_output.text().contains("/there/is/no/such/folder"));
    assert_eq!(failing.output.text(), "");
}

#[tokio::test]
async fn what_cannot_be_started_says_so() {
    let error = run(&program(&["no-such-program-anywhere"]), 10).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot start `no-such-program-anywhere`: "),
        "{error}"
    );
    run(&program(&[]), 10).await.unwrap_err();
}

#[tokio::test]
async fn variables_are_withheld_and_given() {
    let mut env = program(&["env"]);
    env.variables = vec![("BENCHTOP_TEST_GIVEN".to_owned(), "yes".to_owned())];
    env.withheld = vec!["PATH".to_owned(), "HOME".to_owned()];
    env.argv = vec!["/usr/bin/env".to_owned()];
    let text = run(&env, 100_000).await.unwrap().output.text();
    assert!(text.contains("BENCHTOP_TEST_GIVEN=yes"), "{text}");
    assert!(
        !text
            .lines()
            .any(|line| line.starts_with("PATH=") || line.starts_with("HOME=")),
        "{text}"
    );
}

#[tokio::test]
async fn a_relative_program_lies_in_its_folder_and_works_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tools")).unwrap();
    std::os::unix::fs::symlink("/bin/pwd", folder.path().join("tools/where")).unwrap();
    let mut program = program(&["tools/where"]);
    program.folder = Some(folder.path().to_owned());
    let text = run(&program, 1000).await.unwrap().output.text();
    assert_eq!(text.trim(), folder.path().canonicalize().unwrap().to_str().unwrap());
}

#[tokio::test]
async fn more_output_than_a_pipe_holds_is_taken_and_both_ends_are_kept() {
    let completed = run(&child("a flood"), 4096).await.unwrap();
    assert_eq!(completed.ending, Ending::Code(0));
    let text = completed.output.text();
    assert!(text.contains("the end"), "the end is kept");
    assert!(text.contains("bytes left out]") && text.len() < 4200, "{}", text.len());
    assert!(completed.error_output.left_out() > 190_000);
}

#[tokio::test]
async fn giving_up_kills_the_whole_group() {
    let clock = RealClock::new();
    let mut running = super::system::Talk::start(&child("a parent that hangs")).unwrap();
    let mut said = String::new();
    let mut chunk = [0; 4096];
    let deadline = clock.now().after(Duration::from_secs(20));
    while pids(&said).len() < 2 {
        let length = clock
            .within(deadline, running.receive(&mut chunk))
            .await
            .unwrap()
            .unwrap();
        said.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    let both = pids(&said);
    drop(running);
    gone(&both).await;

    // and of a command that nobody talks to, by its deadline
    let never = clock
        .within(
            clock.now().after(Duration::from_millis(300)),
            run(&program(&["sleep", "601"]), 10),
        )
        .await;
    assert!(never.is_err());
}

/// Starts what moves to sessions of its own: an orphan, and a child that has cleared its environment. Both say who they are.
const FLEEING: &str = "(setsid sh -c 'echo fled $$; exec sleep 603' &); setsid=$(command -v setsid); \
                       env -i \"$setsid\" /bin/sh -c 'echo fled $$; exec sleep 604' & ";

fn fled(text: &str) -> Vec<Pid> {
    let numbers = text.lines().filter_map(|line| line.strip_prefix("fled "));
    numbers
        .filter_map(|number| Pid::from_raw(number.parse().ok()?))
        .collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn giving_up_kills_what_has_left_the_group() {
    let clock = RealClock::new();
    let mut running = super::system::Talk::start(&program(&["sh", "-c", &format!("{FLEEING} wait")])).unwrap();
    let mut said = String::new();
    let mut chunk = [0; 4096];
    let deadline = clock.now().after(Duration::from_secs(20));
    while fled(&said).len() < 2 {
        let receiving = clock.within(deadline, running.receive(&mut chunk)).await;
        let length = receiving.unwrap().unwrap();
        said.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    let both = fled(&said);
    for pid in &both {
        // each is the first of a session of its own
        assert_eq!(rustix::process::getsid(Some(*pid)).unwrap(), *pid);
    }
    drop(running);
    gone(&both).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_command_that_ends_has_left_in_a_session_of_its_own_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let script = "setsid sh -c 'echo fled $$; touch there; exec sleep 605 >/dev/null 2>&1' & \
                  until [ -e there ]; do sleep 0.01; done";
    let leaving = Program {
        folder: Some(folder.path().to_owned()),
        ..program(&["sh", "-c", script])
    };
    let completed = run(&leaving, 1000).await.unwrap();
    assert_eq!(completed.ending, Ending::Code(0));
    let left = fled(&completed.output.text());
    assert_eq!(left.len(), 1, "{}", completed.output.text());
    for pid in left {
        test_kill_process(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

#[tokio::test]
async fn what_a_command_leaves_behind_in_its_group_is_killed_with_its_end() {
    let completed = run(&child("a parent that leaves its child behind"), 100_000)
        .await
        .unwrap();
    assert_eq!(completed.ending, Ending::Code(0));
    let left = pids(&completed.output.text());
    assert_eq!(left.len(), 1, "{}", completed.output.text());
    gone(&left).await;
}

#[test]
fn a_program_that_is_not_there_is_known_before_it_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    std::fs::copy("/bin/sh", &own).unwrap();
    std::fs::File::create(folder.path().join("data")).unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    for (name, expected) in [
        ("sh", true),
        ("/bin/sh", true),
        ("./own", true),
        ("folder/../own", true),
        (own.to_str().unwrap(), true),
        // what lies in the folder is no name of the search path
        ("own", false),
        ("./data", false),
        ("./folder", false),
        ("/no/such/program", false),
        ("no-such-program-of-this-name", false),
    ] {
        assert_eq!(super::may_start(name, folder.path()), expected, "{name}");
    }
}
