//! `sync install`: what makes this machine sync by itself, printed or written. Nothing is started, and no key is asked for: the
//! files say where it goes.

use crate::{
    args::{InstallArguments, InstallKind, SyncArguments},
    exit::{Exit, Failure},
    stores, terminal,
};
use std::{
    env,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

/// What the files speak of.
struct Facts {
    program: PathBuf,
    station: PathBuf,
    store: PathBuf,
    /// Folders that records are put into, the store aside.
    folders: Vec<PathBuf>,
    user: String,
    every: u32,
}

pub(super) fn install(asked: &InstallArguments, outer: &SyncArguments) -> Result<Exit, Failure> {
    let facts = facts(asked, outer)?;
    let files = match asked.kind {
        InstallKind::Systemd => vec![("benchtop-sync.service", systemd(&facts, true))],
        InstallKind::SystemdTimer => vec![
            ("benchtop-sync.service", systemd(&facts, false)),
            ("benchtop-sync.timer", timer(&facts)),
        ],
        InstallKind::Cron => vec![("benchtop-sync.cron", cron(&facts))],
        InstallKind::Launchd => vec![("benchtop.sync.plist", launchd(&facts))],
        InstallKind::Windows => vec![("benchtop-sync.xml", windows(&facts))],
    };
    for (name, text) in files {
        match &asked.write {
            None => text.lines().for_each(terminal::emit),
            Some(folder) => write_new(&folder.join(name), &text)?,
        }
    }
    Ok(Exit::Success)
}

fn facts(asked: &InstallArguments, outer: &SyncArguments) -> Result<Facts, Failure> {
    let file = super::targets::station_file(&asked.station)?;
    let wanted = asked.store.as_deref().or(outer.store.as_deref());
    let store = stores::root(wanted, Some(&file), Some(&asked.station), false)?;
    let program = env::current_exe().map_err(|error| Failure::error(format!("where is this program: {error}")))?;
    let folders = file.targets.iter().filter(|target| target.kind.value == "directory");
    let folders = folders.map(|target| {
        let folder = super::targets::folder(Some(&asked.station), &target.url.value);
        absolute(Path::new(&folder))
    });
    let user = asked.user.clone().or_else(|| env::var("USER").ok());
    let facts = Facts {
        folders: folders.collect::<Result<_, _>>()?,
        program,
        station: absolute(&asked.station)?,
        store: absolute(&store)?,
        user: user
            .filter(|user| !user.is_empty())
            .unwrap_or_else(|| "root".to_owned()),
        every: asked.every,
    };
    // quoting differs from file to file, and a line feed or a percent sign has a meaning in each
    let texts = [&facts.program, &facts.station, &facts.store]
        .into_iter()
        .chain(&facts.folders);
    for path in texts {
        is_plain(path, asked.kind)?;
    }
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || ['_', '-', '.', '$'].contains(&c);
    match facts.user.chars().all(is_of_a_name) {
        true => Ok(facts),
        false => Err(Failure::refused(format!("`{}` is not the name of a user", facts.user))),
    }
}

/// Refuses a path that would read otherwise in one of these files, and says why.
fn is_plain(path: &Path, kind: InstallKind) -> Result<(), Failure> {
    let refuse = |why: &str| {
        let path = path.display();
        Err(Failure::refused(format!("`{path}` {why}: keep it at a path without")))
    };
    let Some(text) = path.to_str() else {
        return refuse("holds bytes that are no text");
    };
    // on Windows it parts folders
    let is_backslash = |c: char| c == '\\' && kind != InstallKind::Windows;
    let is_no_character = |c: char| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    let has_a_meaning = |c: char| ['"', '\'', '%', '<', '>', '&', '$', '`'].contains(&c) || is_backslash(c);
    if text.contains(is_no_character) {
        return refuse("holds a control character");
    }
    match text.chars().find(|c| has_a_meaning(*c)) {
        Some(found) => refuse(&format!("holds `{found}`, to which these files give a meaning")),
        None => Ok(()),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::refused(format!("{}: {error}", path.display())))
}

/// Never over a file that is there.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| Failure::refused(format!("{}: {error}", path.display())))?;
    terminal::emit(&path.display().to_string());
    Ok(())
}

fn command(facts: &Facts, watch: bool) -> String {
    let Facts {
        program,
        station,
        store,
        ..
    } = facts;
    let how = if watch { " --watch" } else { "" };
    format!(
        "\"{}\" sync{how} --station \"{}\" --store \"{}\"",
        program.display(),
        station.display(),
        store.display()
    )
}

fn systemd(facts: &Facts, watch: bool) -> String {
    let (kind, restart) = match watch {
        true => ("notify", "Restart=on-failure\nRestartSec=30\n"),
        // 1: something is still pending; 3: something waits for a person, which `sync status` says
        false => ("oneshot", "SuccessExitStatus=1 3\n"),
    };
    let install = if watch {
        "\n[Install]\nWantedBy=multi-user.target\n"
    } else {
        ""
    };
    // a stick may not be there when the service begins: that is no reason not to begin
    let folders: String = facts
        .folders
        .iter()
        .map(|folder| format!(" \"-{}\"", folder.display()))
        .collect();
    format!(
        "# /etc/systemd/system/benchtop-sync.service; then: systemctl daemon-reload\n\
         # The API key: api_key_file in the station file, or TOFUPILOT_API_KEY=... in /etc/benchtop/sync.env (mode 0600).\n\
         [Unit]\nDescription=Benchtop uploads its records\nAfter=network.target\n\n\
         [Service]\nType={kind}\nUser={user}\nExecStart={command}\n{restart}\
         EnvironmentFile=-/etc/benchtop/sync.env\nUMask=0077\n\
         NoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=read-only\nReadWritePaths=\"{store}\"{folders}\n\
         PrivateTmp=yes\nPrivateDevices=yes\nProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectKernelLogs=yes\n\
         ProtectControlGroups=yes\nProtectClock=yes\nProtectHostname=yes\nRestrictSUIDSGID=yes\nRestrictRealtime=yes\n\
         RestrictNamespaces=yes\nLockPersonality=yes\nMemoryDenyWriteExecute=yes\nCapabilityBoundingSet=\n\
         RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\nSystemCallArchitectures=native\nSystemCallFilter=@system-service\n\
         LimitCORE=0\n{install}",
        user = facts.user,
        command = command(facts, watch),
        store = facts.store.display(),
    )
}

fn timer(facts: &Facts) -> String {
    format!(
        "# /etc/systemd/system/benchtop-sync.timer; then: systemctl enable --now benchtop-sync.timer\n\
         [Unit]\nDescription=Benchtop uploads its records every {every} minutes\n\n\
         [Timer]\nOnBootSec=1min\nOnUnitInactiveSec={every}min\nRandomizedDelaySec=30\n\n\
         [Install]\nWantedBy=timers.target\n",
        every = facts.every
    )
}

fn cron(facts: &Facts) -> String {
    format!(
        "# crontab -e; the API key comes from api_key_file in the station file\n*/{} * * * * {} >/dev/null 2>&1\n",
        facts.every,
        command(facts, false)
    )
}

fn launchd(facts: &Facts) -> String {
    let words = [
        facts.program.display().to_string(),
        "sync".to_owned(),
        "--watch".to_owned(),
        "--station".to_owned(),
        facts.station.display().to_string(),
        "--store".to_owned(),
        facts.store.display().to_string(),
    ];
    let words: String = words
        .iter()
        .map(|word| format!("    <string>{word}</string>\n"))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!-- ~/Library/LaunchAgents/benchtop.sync.plist; then: launchctl load it. The key: api_key_file in the station file. -->\n\
         <plist version=\"1.0\">\n<dict>\n  <key>Label</key>\n  <string>benchtop.sync</string>\n\
         \u{20} <key>ProgramArguments</key>\n  <array>\n{words}  </array>\n\
         \u{20} <key>RunAtLoad</key>\n  <true/>\n  <key>KeepAlive</key>\n  <true/>\n\
         \u{20} <key>Umask</key>\n  <integer>63</integer>\n</dict>\n</plist>\n"
    )
}

fn windows(facts: &Facts) -> String {
    let arguments = command(facts, false);
    let program = format!("\"{}\" ", facts.program.display());
    let arguments = arguments
        .strip_prefix(&program)
        .unwrap_or(&arguments)
        .replace('"', "&quot;");
    format!(
        "<?xml version=\"1.0\"?>\n\
         <!-- schtasks /Create /TN Benchtop-sync /XML benchtop-sync.xml; the key: api_key_file in the station file -->\n\
         <Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\n\
         \u{20} <Triggers>\n    <TimeTrigger>\n      <Repetition><Interval>PT{}M</Interval></Repetition>\n\
         \u{20}     <StartBoundary>2026-01-01T00:00:00</StartBoundary>\n      <Enabled>true</Enabled>\n\
         \u{20}   </TimeTrigger>\n  </Triggers>\n\
         \u{20} <Settings>\n    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\n\
         \u{20}   <StartWhenAvailable>true</StartWhenAvailable>\n  </Settings>\n\
         \u{20} <Actions>\n    <Exec>\n      <Command>{}</Command>\n      <Arguments>{arguments}</Arguments>\n\
         \u{20}   </Exec>\n  </Actions>\n</Task>\n",
        facts.every,
        facts.program.display(),
    )
}
