//! What several units on one bench have to do with each other: whose turn it is on an instrument, and whose fault ends all.

use crate::event::{InstrumentUse, MadeSafe};
use benchtop_instrument::{Class, OutputSetting, Setting, SwitchSetting};
use benchtop_procedure::{BoundProcedure, LogicalName, Plan, PlanNode};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    task::Poll,
};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// The instruments that some group holds across its steps. Whoever uses one of them waits for their turn.
///
/// Nobody waits in a circle: what is taken together is taken in the order of the names, and `check` lets nobody who holds
/// something take more.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    instruments: BTreeMap<LogicalName, Arc<Mutex<()>>>,
    /// The operator, who is asked one thing at a time.
    operator: Arc<Mutex<()>>,
    /// The procedure's folder, in which the commands of all slots write.
    folder: Arc<Mutex<()>>,
}

/// Turns that were taken; they end when it is dropped.
pub(crate) type Turns = Vec<OwnedMutexGuard<()>>;

impl Gates {
    /// Those that the procedures' groups lock.
    pub(crate) fn of<'p>(procedures: impl Iterator<Item = &'p BoundProcedure>) -> Self {
        let mut names = BTreeSet::new();
        for procedure in procedures {
            let Plan { setup, steps, teardown } = &procedure.procedure().plan;
            for nodes in [setup, steps, teardown] {
                collect(nodes, &mut names);
            }
        }
        Self {
            instruments: names.into_iter().map(|name| (name.clone(), Arc::default())).collect(),
            operator: Arc::default(),
            folder: Arc::default(),
        }
    }

    /// Waits for its turn on each of these that needs one, unless it holds them already.
    pub(crate) async fn take(&self, wanted: impl Iterator<Item = &LogicalName>, held: &[LogicalName]) -> Turns {
        let wanted: BTreeSet<&LogicalName> = wanted.filter(|name| !held.contains(name)).collect();
        let mut turns = Vec::new();
        for gate in wanted.into_iter().filter_map(|name| self.instruments.get(name)) {
            turns.push(Arc::clone(gate).lock_owned().await);
        }
        turns
    }

    /// Waits until the operator is asked nothing else. A step that asks uses no instrument, so nobody waits for it in a circle.
    pub(crate) async fn ask(&self) -> Turns {
        vec![Arc::clone(&self.operator).lock_owned().await]
    }

    /// Waits until no command of another slot writes files that are kept: they would have the same names. A step that runs a
    /// command uses no instrument, so nobody waits for it in a circle.
    pub(crate) async fn write_files(&self) -> Turns {
        vec![Arc::clone(&self.folder).lock_owned().await]
    }
}

fn collect<'p>(nodes: &'p [PlanNode], names: &mut BTreeSet<&'p LogicalName>) {
    for node in nodes {
        let PlanNode::Group(group) = node else { continue };
        names.extend(&group.lock);
        collect(&group.nodes, names);
    }
}

/// An instrument that several units share did not do what it was asked: that ends the tests of them all.
#[derive(Debug)]
pub(crate) struct Alarm {
    shared: BTreeSet<LogicalName>,
    raised: watch::Sender<Option<(usize, String)>>,
}

impl Alarm {
    /// For the instruments that more than one of these runs uses.
    pub(crate) fn new<'u>(runs: impl Iterator<Item = &'u [InstrumentUse]>) -> Self {
        let mut seen = BTreeSet::new();
        let names = runs.flatten().map(|used| &used.name);
        let shared = names.filter(|name| !seen.insert(*name)).cloned().collect();
        let (raised, _) = watch::channel(None);
        Self { shared, raised }
    }

    /// `slot` met trouble on an instrument. The first to say so is heard.
    pub(crate) fn raise(&self, slot: usize, instrument: &LogicalName, reason: &str) {
        if !self.shared.contains(instrument) {
            return;
        }
        self.raised.send_if_modified(|raised| {
            let first = raised.is_none();
            if first {
                *raised = Some((slot, reason.to_owned()));
            }
            first
        });
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.raised.borrow().is_some()
    }

    /// Ends when another slot than this one has raised it: why.
    pub(crate) async fn by_another(&self, slot: usize) -> String {
        let mut raised = self.raised.subscribe();
        let by_another = |raised: &Option<(usize, String)>| raised.as_ref().is_some_and(|(by, _)| *by != slot);
        let heard = raised.wait_for(by_another).await.map(|raised| raised.clone());
        match heard {
            Ok(Some((_, reason))) => reason,
            // nobody can raise it any more
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// Whose part of setup or teardown it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The fixture's: once for all.
    Fixture,
    /// Each unit's.
    Unit,
}

/// Every instrument that one of the runs uses, in the order of making safe, with all outputs that are theirs.
pub(crate) fn union<'u>(runs: impl Iterator<Item = &'u [InstrumentUse]>) -> Vec<InstrumentUse> {
    let mut all: Vec<InstrumentUse> = Vec::new();
    for run in runs {
        for (at, used) in run.iter().enumerate() {
            let Some(known) = all.iter_mut().find(|known| known.name == used.name) else {
                // before what this run makes safe behind it: sources go off before a switch opens
                let behind = run.iter().skip(at.saturating_add(1));
                let mut behind = behind.filter_map(|next| all.iter().position(|known| known.name == next.name));
                let place = behind.next().unwrap_or(all.len());
                all.insert(place, used.clone());
                continue;
            };
            known.outputs.extend(&used.outputs);
            known.outputs.sort_unstable();
            known.outputs.dedup();
        }
    }
    all
}

/// The outputs of one run that are no other's, and the channels of switches: each with what turns it off, or opens it.
pub(crate) fn own_outputs(uses: &[InstrumentUse], others: &[&[InstrumentUse]]) -> Vec<(LogicalName, u32, Setting)> {
    let is_shared = |name: &LogicalName, channel: u32| {
        let mut others = others.iter().flat_map(|uses| uses.iter());
        others.any(|used| used.name == *name && used.outputs.contains(&channel))
    };
    let outputs = uses
        .iter()
        .flat_map(|used| used.outputs.iter().map(move |channel| (used, *channel)));
    let own = outputs.filter(|(used, channel)| !is_shared(&used.name, *channel));
    own.map(|(used, channel)| (used.name.clone(), channel, off(used, channel)))
        .collect()
}

fn off(used: &InstrumentUse, channel: u32) -> Setting {
    match Class::of_word(&used.class) {
        Some(Class::Switch) => Setting::Switch(SwitchSetting {
            open: vec![channel],
            ..SwitchSetting::default()
        }),
        Some(Class::DcPower | Class::Dmm | Class::Console) | None => Setting::Output(OutputSetting {
            output_enabled: Some(false),
            ..OutputSetting::of_channel(channel)
        }),
    }
}

/// What was done about the outputs of one run, of what was done about all.
pub(crate) fn of_run(uses: &[InstrumentUse], made_safe: &[MadeSafe]) -> Vec<MadeSafe> {
    let of = |used: &InstrumentUse| {
        let all = made_safe.iter().find(|all| all.name == used.name)?;
        let outputs = all
            .outputs
            .iter()
            .filter(|output| used.outputs.contains(&output.channel));
        Some(MadeSafe {
            outputs: outputs.cloned().collect(),
            ..all.clone()
        })
    };
    uses.iter().filter_map(of).collect()
}

/// Carries several things on at once, and ends when all have ended.
pub(crate) async fn all<F: Future<Output = ()> + Send>(futures: impl Iterator<Item = F>) {
    let mut running: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    std::future::poll_fn(move |cx| {
        running.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if running.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
