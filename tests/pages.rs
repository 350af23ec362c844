//! Pages as a browser sees them: on a screen, in the dark, and on paper. Skipped in sight where there is none.

use crate::testkit::{Done, benchtop, done, scratch, simulated, write};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A browser without a window.
pub(crate) struct Browser {
    program: &'static str,
    home: TempDir,
}

impl Browser {
    /// The one of this machine; none, and said so, where there is none.
    pub(crate) fn find() -> Option<Self> {
        let found = ["chromium", "chromium-browser"].into_iter().find(|name| {
            let version = Command::new(name).arg("--version").output();
            version.is_ok_and(|version| version.status.success())
        });
        if found.is_none() {
            println!("skipped: no chromium to look at pages with");
        }
        let home = scratch();
        found.map(|program| Self { program, home })
    }

    pub(crate) fn open(&self, page: &Path, arguments: &[&str]) -> Done {
        let mut command = Command::new(self.program);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ]);
        command.arg(format!("--user-data-dir={}", self.home.path().display()));
        done(command.args(arguments).arg(format!("file://{}", page.display())))
    }

    /// What a page looks like: a picture of more than a blank page.
    pub(crate) fn draw(&self, page: &Path, arguments: &[&str]) -> Vec<u8> {
        let picture = self.home.path().join("picture.png");
        let screenshot = format!("--screenshot={}", picture.display());
        let arguments = [&[screenshot.as_str(), "--window-size=900,700"], arguments].concat();
        let drawn = self.open(page, &arguments);
        let bytes = fs::read(&picture).unwrap_or_else(|error| panic!("{error}: {drawn}"));
        assert!(bytes.starts_with(b"\x89PNG"), "{drawn}");
        // a blank page of this size comes to some three thousand bytes
        assert!(bytes.len() > 12_000, "the picture has {} bytes: {drawn}", bytes.len());
        bytes
    }
}

/// A page with a run, and one with statistics.
fn made(folder: &Path) -> [PathBuf; 2] {
    let store = folder.join("store");
    for serial in (5501..5513).chain([5599]) {
        done(&mut simulated(&store, &format!("UNIT-{serial}")));
    }
    let pages = ["run.html", "all.html"].map(|name| folder.join(name));
    for (words, page) in [
        (["show", "UNIT-5599"], &pages[0]),
        (["stats", "--simulated"], &pages[1]),
    ] {
        let mut command = benchtop();
        command.arg("runs").args(words).arg("--store").arg(&store);
        let written = done(command.arg("--html").arg(page));
        assert_eq!(written.code, Some(0), "{written}");
    }
    pages
}

/// The same page with more in its head or at its end.
fn with(page: &Path, name: &str, before: &str, more: &str) -> PathBuf {
    let text = fs::read_to_string(page).unwrap();
    let path = page.with_file_name(name);
    write(&path, &text.replacen(before, &format!("{more}{before}"), 1));
    path
}

/// Says in the page what it looks like: its scheme, the worst contrast of a text against what is behind it (WCAG 2.1, 1.4.3),
/// how wide it is, and how many of its pictures have no name for who cannot see them.
const PROBE: &str = r#"<script>
const part = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const numbers = text => text.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
const paper = light(numbers(getComputedStyle(document.body).backgroundColor));
let worst = 99;
for (const element of document.querySelectorAll("body *")) {
  if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
  if (element.closest("script,title,desc")) continue;
  const style = getComputedStyle(element);
  const ink = light(numbers(element.closest("svg") ? style.fill : style.color));
  worst = Math.min(worst, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05));
}
const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
const nameless = [...document.querySelectorAll("svg")].filter(svg => svg.getAttribute("role") !== "img" ||
  !(svg.getAttribute("aria-label") || svg.querySelector("title"))).length;
document.body.dataset.seen = [dark, paper < 0.2 ? "on-black" : "on-white", worst >= 4.5 ? "readable" : "faint-" + worst,
  document.documentElement.scrollWidth <= innerWidth ? "fits" : "too-wide", "nameless-" + nameless].join(" ");
</script>"#;

#[test]
fn pages_can_be_read_in_the_light_and_in_the_dark_wide_and_narrow() {
    let Some(browser) = Browser::find() else { return };
    let folder = scratch();
    for page in made(folder.path()) {
        let light = browser.draw(&page, &[]);
        let dark = browser.draw(&page, &["--blink-settings=preferredColorScheme=0"]);
        assert_ne!(light, dark, "the dark is another picture");
        let probed = with(&page, "probed.html", "</body>", PROBE);
        for (scheme, setting) in [("light on-white", "1"), ("dark on-black", "0")] {
            for size in ["900,700", "500,700"] {
                let setting = format!("--blink-settings=preferredColorScheme={setting}");
                let read = browser.open(&probed, &["--dump-dom", &setting, &format!("--window-size={size}")]);
                let expected = format!("data-seen=\"{scheme} readable fits nameless-0\"");
                assert!(read.out.contains(&expected), "{expected} at {size}: {read}");
            }
        }
    }
}

#[test]
fn pages_fill_sheets_of_either_size_and_paper_stays_white() {
    let Some(browser) = Browser::find() else { return };
    let folder = scratch();
    let [run, all] = made(folder.path());
    for (page, sheets) in [(run, 1..=2), (all, 2..=4)] {
        for (size, box_beginning) in [("A4", "[0 0 59"), ("Letter", "[0 0 612 792]")] {
            // as somebody chooses it in the dialog for printing
            let style = format!("<style>@page {{ size: {size}; }}</style>");
            let chosen = with(&page, "chosen.html", "</head>", &style);
            let file = folder.path().join("printed.pdf");
            let to = format!("--print-to-pdf={}", file.display());
            let dark = "--blink-settings=preferredColorScheme=0";
            let printed = browser.open(&chosen, &[&to, "--no-pdf-header-footer", dark]);
            let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{error}: {printed}"));
            let text = String::from_utf8_lossy(&bytes);
            let boxes: Vec<&str> = text.split("/MediaBox ").skip(1).collect();
            assert!(sheets.contains(&boxes.len()), "{size}: {} sheets", boxes.len());
            assert!(boxes.iter().all(|size| size.starts_with(box_beginning)), "{size}");
            fs::remove_file(&file).unwrap();
        }
        // what holds in print stands behind what holds in the dark, so that it wins
        let text = fs::read_to_string(&page).unwrap();
        let (before, print) = text.split_once("@media print").unwrap();
        assert!(before.contains("prefers-color-scheme: dark") && print.contains("--paper: #fff"));
    }
}
