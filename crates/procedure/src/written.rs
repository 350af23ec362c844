//! A procedure's file, read as TOML once, for everything that is asked of it.

use crate::bind::{Instruments, bound, bound_slots};
use crate::given::Given;
use crate::model::{BoundProcedure, Procedure};
use crate::parse;
use crate::slots::Slot;
use benchtop_notation::{Diagnostics, Document};
use std::{collections::BTreeMap, sync::Arc};

/// A procedure's file that was read as TOML. What it says depends on what it is read with: [`Written::read`].
#[derive(Debug)]
pub struct Written {
    document: Result<Document, Diagnostics>,
}

impl Written {
    /// Reads `text` as TOML; `name` is what messages call the file.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        Self::shared(name, &Arc::from(text))
    }

    /// As [`Written::new`], of a text that its owner keeps too: it is not copied.
    #[must_use]
    pub fn shared(name: &str, text: &Arc<str>) -> Self {
        Self {
            document: Document::parse_shared(name, text),
        }
    }

    /// The `id` of the procedure, which may have mistakes elsewhere; `None` where it is not even TOML.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.document.as_ref().ok().map(parse::id_of)
    }

    /// The names of the files that a procedure, or a file that it includes, asks for itself.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.document.as_ref().map(parse::files_of).unwrap_or_default()
    }

    /// Reads as much as can be read, with what the run and the station say and the files that the procedure names.
    #[must_use]
    pub fn read(&self, given: &Given) -> AsRead {
        match &self.document {
            Ok(document) => {
                let (procedure, findings) = parse::read(document, given);
                AsRead {
                    procedure: Some(procedure),
                    findings,
                }
            }
            Err(findings) => AsRead {
                procedure: None,
                findings: findings.clone(),
            },
        }
    }

    /// Reads it in every way in which a run may read it with this: for each part, where it tells parts apart, else once. Its own
    /// part comes first; without one it is never run for none of them, and not read so here.
    #[must_use]
    pub fn readings(&self, given: &Given) -> Vec<Reading> {
        let of_its_own = self.read(given);
        let told_apart = of_its_own.procedure.as_ref();
        let mut parts = told_apart.map(|procedure| procedure.parts.clone()).unwrap_or_default();
        if parts.is_empty() {
            return vec![(None, of_its_own)];
        }
        let mut readings = Vec::with_capacity(parts.len());
        if let Some(own) = told_apart.and_then(|procedure| procedure.variant.clone()) {
            parts.remove(&own);
            readings.push((Some(own), of_its_own));
        }
        readings.extend(parts.into_iter().map(|part| {
            let given = Given {
                part_number: Some(part.clone()),
                ..given.clone()
            };
            (Some(part), self.read(&given))
        }));
        readings
    }
}

/// A part number, where there is one, and the procedure as it is for that part.
pub type Reading = (Option<String>, AsRead);

/// A procedure as far as it could be read, with all that was found.
#[derive(Debug)]
pub struct AsRead {
    procedure: Option<Procedure>,
    findings: Diagnostics,
}

/// A procedure as far as it could be read, and what binding it came to.
#[derive(Debug)]
pub struct Checked {
    /// The procedure; `None` where its file has a mistake, whatever the instruments are.
    pub procedure: Option<Arc<Procedure>>,
    /// The same bound to the instruments, or every mistake of the file and of the binding, in document order.
    pub bound: Result<BoundProcedure, Diagnostics>,
}

impl AsRead {
    /// The procedure; `None` where its file has a mistake.
    #[must_use]
    pub fn procedure(&self) -> Option<&Procedure> {
        self.procedure.as_ref().filter(|_| !self.findings.has_errors())
    }

    /// Every mistake and every warning, in document order.
    #[must_use]
    pub fn findings(&self) -> &Diagnostics {
        &self.findings
    }

    /// Finds every request possible on these instruments, or says which are not; also for a procedure that has mistakes, so
    /// that all come out together.
    #[must_use]
    pub fn bind(self, instruments: &Instruments) -> Checked {
        let Some(procedure) = self.procedure else {
            return Checked {
                procedure: None,
                bound: Err(self.findings),
            };
        };
        let is_sound = !self.findings.has_errors();
        let (procedure, bound) = bound(procedure, self.findings, instruments);
        Checked {
            procedure: is_sound.then_some(procedure),
            bound,
        }
    }

    /// As [`AsRead::bind`], once for each slot; also what the slots would do to each other.
    ///
    /// # Errors
    /// Every mistake of the file and of the binding in any slot, in document order.
    pub fn bind_slots(
        self,
        instruments: &Instruments,
        slots: &BTreeMap<String, Slot>,
    ) -> Result<BTreeMap<String, BoundProcedure>, Diagnostics> {
        match self.procedure {
            Some(procedure) => bound_slots(&procedure, self.findings, instruments, slots),
            None => Err(self.findings),
        }
    }

    /// The procedure with its warnings.
    ///
    /// # Errors
    /// Every mistake in the files and in what was given; warnings are among them.
    pub fn into_result(self) -> Result<Procedure, Diagnostics> {
        match self.procedure {
            Some(procedure) if !self.findings.has_errors() => Ok(Procedure {
                warnings: self.findings,
                ..procedure
            }),
            Some(_) | None => Err(self.findings),
        }
    }
}
