//! Pages for a browser and a printer: one file each, which loads nothing and runs nothing.
//!
//! Every text of a record goes through `html::text`; what could turn the direction of writing is written out there. Colours
//! follow the reader's choice of light and dark and are never the only sign; each picture says in words what it shows.

mod html;
mod population;
mod run;
mod svg;
mod trend;

pub use population::{Scope, Section, of_populations};
pub use run::of_run;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Filter, Order,
        analysis::{Acceptance, Analysis},
        history::StoredRun,
        index::History,
        population::{Samples, Wanted, pareto, populations, samples, yields},
        testkit::{self, Made},
    };
    use benchtop_store::{Place, Record, RecordName};

    fn stored(record: Record) -> StoredRun {
        StoredRun {
            place: Place::Pending,
            path: "/store/pending/x.json".into(),
            name: RecordName::of(&record),
            record,
        }
    }

    /// The elements and attributes that a page is made of.
    const OURS: &[&str] = &[
        "!DOCTYPE",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "section",
        "h1",
        "h2",
        "h3",
        "p",
        "span",
        "br",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "svg",
        "rect",
        "line",
        "text",
        "polyline",
        "circle",
        "lang",
        "charset",
        "name",
        "content",
        "class",
        "scope",
        "xmlns",
        "viewBox",
        "width",
        "height",
        "role",
        "aria-label",
        "x",
        "y",
        "x1",
        "y1",
        "x2",
        "y2",
        "text-anchor",
        "points",
        "cx",
        "cy",
        "r",
    ];

    /// Nothing to load, to run, or that was not ours: every tag is read as a browser reads it.
    fn assert_harmless(page: &str) {
        assert!(
            !page.chars().any(|c| c != '\n' && crate::csv::is_active(c)),
            "no active character"
        );
        let mut open = Vec::new();
        for tag in page.split('<').skip(1) {
            let inside = tag.split_once('>').unwrap().0;
            if let Some(name) = inside.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name.to_owned()));
                continue;
            }
            // quoted values away: what is left are names
            let names: String = inside.split('"').step_by(2).collect::<Vec<_>>().join(" ");
            let mut names = names.split([' ', '=', '\n', '/']).filter(|name| !name.is_empty());
            let element = names.next().unwrap();
            assert!(OURS.contains(&element), "<{inside}>");
            for attribute in names.filter(|_| element != "!DOCTYPE") {
                assert!(OURS.contains(&attribute), "{attribute} in <{inside}>");
            }
            if !["!DOCTYPE", "meta", "br"].contains(&element)
                && !inside.ends_with('/')
                && !["rect", "line", "circle", "polyline"].contains(&element)
            {
                open.push(element.to_owned());
            }
        }
        assert_eq!(open, Vec::<String>::new());
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        assert!(!style.contains("url(") && !style.contains("@import"));
    }

    fn assert_accessible(page: &str) {
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
        assert!(page.contains("<title>") && page.contains("<h1>") && page.contains("name=\"viewport\""));
        assert_eq!(
            page.matches("<svg").count(),
            page.matches("role=\"img\" aria-label=\"").count(),
            "each picture in words"
        );
        assert_eq!(
            page.matches("<table").count(),
            page.matches("<caption>").count(),
            "each table has a caption"
        );
        assert!(page.contains("scope=\"col\""));
        for needed in ["prefers-color-scheme: dark", "@media print", "@page"] {
            assert!(page.contains(needed), "{needed}");
        }
    }

    #[test]
    fn a_runs_page_shows_each_value_against_its_limits() {
        let page = of_run(&stored(testkit::record(1)));
        assert_accessible(&page);
        assert_harmless(&page);
        for needed in [
            "UNIT-0001",
            "vcc_3v3",
            "3.3 V",
            "3.25 .. 3.35 V",
            "aria-label=\"vcc_3v3: 3.3 V, limits 3.25 .. 3.35 V\"",
            "SIMULATED",
        ] {
            assert!(page.contains(needed), "{needed}");
        }
    }

    #[test]
    fn hostile_text_in_every_field_stays_text() {
        for hostile in testkit::HOSTILE {
            let record = testkit::hostile(&testkit::record(1), hostile);
            let page = of_run(&stored(record));
            assert_accessible(&page);
            assert_harmless(&page);
        }
    }

    /// As a guard band of 10 mV would have it.
    fn guarded(samples: Samples<'_>) -> Analysis<'_> {
        let mut analysis = crate::analysis::analyse(samples);
        let mut record = testkit::record(1);
        let first = testkit::first(&mut record);
        (first.acceptance_low, first.acceptance_high) = (Some(3.26), Some(3.34));
        let asked = &analysis.samples.asked;
        analysis.accepted = Acceptance::of(&record, &asked.step, &asked.name);
        analysis
    }

    #[test]
    fn a_populations_page_shows_histogram_and_chart() {
        let made = Made::default();
        for sequence in 1..=40 {
            let value = if sequence == 20 {
                3.36
            } else {
                3.3 + f64::from(u32::try_from(sequence).unwrap() % 7) / 1000.0
            };
            made.put("pending", &testkit::with_value(testkit::record(sequence), value));
        }
        let mut history = History::open(&made.store(), chrono::DateTime::default(), &mut |_, _| {}).unwrap();
        let runs = history
            .select(&Filter::default(), Order::OldestFirst, 0, usize::MAX)
            .unwrap();
        let wanted = Wanted {
            simulated: true,
            ..Wanted::default()
        };
        let populations = populations(&runs, wanted);
        let sections: Vec<Section<'_>> = populations
            .iter()
            .map(|population| Section {
                population,
                yields: yields(population),
                failing: pareto(population),
                analyses: samples(population).into_iter().map(guarded).collect(),
            })
            .collect();
        let filter = Filter::default();
        let scope = Scope {
            filter: &filter,
            wanted,
            measurement: None,
        };
        let page = of_populations(&scope, &sections);
        assert_accessible(&page);
        assert_harmless(&page);
        for needed in [
            "first pass",
            "Cpk",
            "Histogram of vcc_3v3",
            "Control chart of vcc_3v3",
            "Trend of vcc_3v3: 40 values; limits 3.25 .. 3.35 V; inside the guard band of the newest run 3.26 .. 3.34 V; 1 beyond the limits",
            "class=\"guard\"",
            "<h1>BOARD-FUNCTIONAL-V3: statistics</h1>",
            "<p>40 runs, ",
            "<p>Which runs: production, simulated ones too.</p>",
        ] {
            assert!(page.contains(needed), "{needed}");
        }
        let nothing = of_populations(&scope, &[]);
        assert!(nothing.contains("There is no run"));
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
