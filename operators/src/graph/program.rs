//! The graph as the runtime drives it.

use super::batch::{Batch, caught};
use super::{Graph, State};
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::batch::{
    BatchInputs, BatchProgram, Cutoffs, Forgotten, Generated, MemoryChanges, OutputJob, Past, ProgramState, Ranges,
    Retention, TwoStepOutput,
};
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::ids::OutputId;
use waterwheel_runtime::time::Time;

impl BatchProgram for Graph {
    fn start(&mut self, zero: Time) -> Result<(), JobError> {
        self.zero = zero;
        self.mark_wanted();
        for observer in &self.observers {
            observer.start(zero);
        }
        for input in &self.inputs {
            self.started += 1;
            let name = input.node().and_then(|node| self.nodes.get(node)).map(|node| node.name.as_str());
            let last = name.and_then(|name| self.last_ranges.get(name)).map(Vec::as_slice);
            let memory = name.and_then(|name| self.memory.remove(name)).unwrap_or_default();
            let changes = caught(input.site(), None, || {
                input.recall(memory)?;
                input.start(zero, last)?;
                Ok(input.changes())
            })?;
            if let Some(name) = name.filter(|_| !changes.is_empty()) {
                self.remembered.insert(name.into(), changes);
            }
        }
        Ok(())
    }

    fn recover(&mut self, past: Past) {
        (self.past, self.last_ranges, self.memory) = (past.inputs, past.last_ranges, past.memory);
    }

    fn replayable_sources(&self) -> Vec<(Arc<str>, usize)> {
        let replayable = self.nodes.iter().enumerate().filter(|(_, node)| node.replayable);
        replayable.map(|(index, node)| (node.name.as_str().into(), index)).collect()
    }

    fn take_ranges(&mut self) -> Ranges {
        std::mem::take(&mut self.decided)
    }

    fn take_memory(&mut self) -> MemoryChanges {
        std::mem::take(&mut self.remembered)
    }

    fn retention(&self) -> Retention {
        self.retention_plan()
    }

    fn generate(&mut self, inputs: &BatchInputs) -> Result<Generated, JobError> {
        // Away while they run: none of them ever defines another.
        let (mut sources, mut outputs) = (std::mem::take(&mut self.sources), std::mem::take(&mut self.outputs));
        let (mut observers, mut states) = (std::mem::take(&mut self.observers), std::mem::take(&mut self.states));
        // What a source counted when the batch was generated before, in vain: it is not asked again.
        let counted = self.counted.take().filter(|(batch, _)| *batch == inputs.batch);
        let read = counted.map(|(_, read)| read).unwrap_or_default();
        let mut batch = Batch { graph: self, inputs, time: inputs.batch, node: 0, read };
        let jobs = (|| {
            // Sources first, every one of them in every batch: a window may read their datasets when their time is over.
            // That one of them fails does not keep the others from being asked: their records belong to this batch, too, and
            // later windows read them even if the batch is given up.
            let mut pulled = Ok(());
            for source in &mut sources {
                if batch.graph.nodes.get(source.node).is_some_and(|node| node.wanted) {
                    pulled = pulled.and((source.pull)(&mut batch));
                }
            }
            pulled?;
            let mut jobs = Vec::new();
            for (number, output) in (0..).zip(&mut outputs) {
                if let Some(run) = (output.make)(&mut batch)? {
                    jobs.push(OutputJob { output: OutputId(number), site: output.site, makes: None, run });
                }
            }
            // After the outputs, which have made most of it: whatever no output has asked for is made here.
            let wanted = |state: &State| batch.graph.nodes.get(state.node).is_some_and(|node| node.wanted);
            let wanted: Vec<_> = states.iter_mut().filter(|state| wanted(state)).collect();
            for (number, state) in wanted.into_iter().enumerate() {
                if let Some(run) = (state.make)(&mut batch)? {
                    let output = OutputId(u32::try_from(outputs.len() + number).unwrap_or(u32::MAX));
                    jobs.push(OutputJob { output, site: state.site, makes: Some(number), run });
                }
            }
            for observer in &mut observers {
                observer.observe(&mut batch)?;
            }
            Ok(jobs)
        })();
        let read = std::mem::take(&mut batch.read);
        (self.sources, self.outputs, self.observers, self.states) = (sources, outputs, observers, states);
        match jobs {
            Ok(jobs) => Ok(Generated { jobs, records: read.records, metadata: read.metadata }),
            Err(error) => {
                self.counted = Some((inputs.batch, read));
                Err(error)
            }
        }
    }

    fn forget(&mut self, cutoffs: &Cutoffs) -> Forgotten {
        let mut forgotten = Forgotten::new();
        for (node, cutoff) in self.nodes.iter_mut().zip(&cutoffs.nodes) {
            if node.datasets.first_key_value().is_some_and(|(oldest, _)| oldest <= cutoff) {
                let kept = node.datasets.split_off(&(*cutoff + Duration::from_millis(1)));
                forgotten.extend(std::mem::replace(&mut node.datasets, kept).into_values());
            }
        }
        if let Some(oldest) = cutoffs.nodes.iter().min().filter(|_| !self.past.is_empty()) {
            self.past = self.past.split_off(&(*oldest + Duration::from_millis(1)));
        }
        for observer in &self.observers {
            if let Some(cutoff) = cutoffs.nodes.get(observer.node()) {
                forgotten.extend(observer.forget(*cutoff));
            }
        }
        forgotten
    }

    fn state(&self) -> Vec<ProgramState> {
        self.state_operators()
    }

    fn two_step_outputs(&self) -> Vec<Arc<dyn TwoStepOutput>> {
        self.two_step.clone()
    }

    fn stop(&mut self) {
        for observer in &self.observers {
            observer.stop();
        }
        for input in self.inputs.iter().take(std::mem::take(&mut self.started)) {
            let stopped = caught(input.site(), None, || {
                input.stop();
                Ok(())
            });
            if let Err(error) = stopped {
                log::warn!("{error}");
            }
        }
    }
}

impl Drop for Graph {
    /// A context that is stopped while a batch is being generated drops its graph when that comes back.
    fn drop(&mut self) {
        self.stop();
    }
}
