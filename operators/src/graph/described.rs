//! What a graph says of itself: to people, to a checkpoint, and to those who look for what is wrong with it.

use super::{Graph, Node, Output, State};
use crate::plan::{Plan, PlannedOperator};
use std::collections::{BTreeMap, BTreeSet};
use waterwheel_runtime::batch::{ProgramState, Use};
use waterwheel_runtime::durable::OperatorRecord;
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::state::TypeSchema;

impl Graph {
    /// What is logged of the sources consists of, by their names.
    pub(crate) fn logged_types(&self) -> BTreeMap<String, TypeSchema> {
        let logged = |node: &Node| Some((node.name.clone(), node.logged.clone()?));
        self.nodes.iter().filter_map(logged).collect()
    }

    /// The sources whose records are gone with the process, where they are read by an output.
    pub(crate) fn forgetful_sources(&self) -> impl Iterator<Item = (&str, Site)> {
        let forgetful =
            |node: &&Node| node.source && node.wanted && !node.replayable && !node.repeatable && node.stream.is_none();
        self.nodes.iter().filter(forgetful).map(|node| (node.name.as_str(), node.site))
    }

    /// How many operators the longest way through the program has, and the last one of them.
    pub(crate) fn longest_chain(&self) -> Option<(usize, Site)> {
        let mut depths: Vec<usize> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let above = node.uses.iter().filter_map(|used| depths.get(used.node)).max();
            depths.push(above.map_or(1, |above| above + 1));
        }
        depths.into_iter().zip(self.nodes.iter().map(|node| node.site)).max_by_key(|(depth, _)| *depth)
    }

    /// The names of the streams that receivers feed.
    pub(crate) fn receiver_streams(&self) -> Vec<(String, StreamId)> {
        let named = |node: &Node| node.stream.map(|stream| (node.name.clone(), stream));
        self.nodes.iter().filter_map(named).collect()
    }

    /// The stateful operators that an output depends on; those are known once [`mark_wanted`](Graph::mark_wanted) was called.
    pub(crate) fn state_operators(&self) -> Vec<ProgramState> {
        let described = |state: &State| {
            let node = self.nodes.get(state.node).filter(|node| node.wanted)?;
            Some(ProgramState { name: node.name.as_str().into(), node: state.node, operator: state.operator.clone() })
        };
        self.states.iter().filter_map(described).collect()
    }

    /// The operators as they are written down in a checkpoint.
    pub(crate) fn operator_records(&self) -> Vec<OperatorRecord> {
        let states = self.state_operators();
        let schema =
            |index: usize| states.iter().find(|state| state.node == index).map(|state| state.operator.schema());
        let record = |(index, node): (usize, &Node)| OperatorRecord {
            name: node.name.clone(),
            kind: node.site.operator.to_owned(),
            state: schema(index),
        };
        self.nodes.iter().enumerate().map(record).collect()
    }

    /// What the program is, for people and for comparing.
    pub(crate) fn plan(&self) -> Plan {
        let name = |used: &Use| self.nodes.get(used.node).map(|node| node.name.clone());
        let operator = |node: &Node| PlannedOperator {
            name: node.name.clone(),
            named: node.named,
            site: node.site,
            slide: node.slide,
            stream: node.counted_as,
            level: node.level,
            inputs: node.uses.iter().filter_map(name).collect::<BTreeSet<_>>().into_iter().collect(),
        };
        let output = |(number, output): (usize, &Output)| PlannedOperator {
            name: format!("output-{}", number + 1),
            named: false,
            site: output.site,
            slide: output.uses.iter().map(|used| used.reach).max().unwrap_or_default(),
            stream: None,
            level: None,
            inputs: output.uses.iter().filter_map(name).collect(),
        };
        let operators = self.nodes.iter().map(operator).chain(self.outputs.iter().enumerate().map(output)).collect();
        Plan { operators }
    }
}
