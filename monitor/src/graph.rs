//! The operators of a program as a graph to look at: one node for each line of the user's, since that is what costs are told by.

use crate::store::{Cost, Place, Works, place};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::plan::{Plan, PlannedOperator};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::{DurationExt, Time};

/// A node: an operator that the user wrote, with the parts that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) site: Site,
    /// How many operators of the program it stands for: those of one line cannot be told apart.
    pub(crate) operators: usize,
    /// The nodes that it is made of, by position.
    pub(crate) inputs: Vec<usize>,
    /// The input stream that it is.
    pub(crate) stream: Option<u32>,
    pub(crate) output: bool,
}

/// The graph of a program.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    nodes: Arc<[Node]>,
    /// How often each output runs.
    outputs: Arc<[Duration]>,
}

/// An operator and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Costed<'a> {
    pub(crate) site: Site,
    /// `None` for operators on datasets, which the user's code made inside `transform` or an output.
    pub(crate) node: Option<&'a Node>,
    pub(crate) work: crate::store::Work,
    pub(crate) recent: Cost,
}

impl Graph {
    pub(crate) fn new(plan: &Plan) -> Graph {
        let mut places: BTreeMap<Place, usize> = BTreeMap::new();
        let mut of_operator: BTreeMap<&str, usize> = BTreeMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        for operator in &plan.operators {
            let position = *places.entry(place(operator.site)).or_insert_with(|| {
                nodes.push(Node {
                    name: operator.name.clone(),
                    site: operator.site,
                    operators: 0,
                    inputs: Vec::new(),
                    stream: None,
                    output: false,
                });
                nodes.len() - 1
            });
            of_operator.insert(&operator.name, position);
            let inputs = operator.inputs.iter().filter_map(|input| of_operator.get(input.as_str()));
            let inputs: Vec<usize> = inputs.copied().filter(|input| *input != position).collect();
            let Some(node) = nodes.get_mut(position) else { continue };
            node.inputs.extend(inputs);
            node.inputs.sort_unstable();
            node.inputs.dedup();
            node.stream = node.stream.or(operator.stream.map(|stream| stream.0));
            node.output |= is_output(operator);
            // A part of an operator has a name with a slash, unless the user named it so.
            let is_part = !operator.named && operator.name.contains('/');
            node.operators += usize::from(!is_part);
            if !is_part && (operator.named || node.operators == 1) {
                node.name.clone_from(&operator.name);
            }
        }
        let outputs = plan.operators.iter().filter(|operator| is_output(operator)).map(|operator| operator.slide);
        Graph { nodes: nodes.into(), outputs: outputs.collect() }
    }

    /// How many outputs a batch has, if batches begin behind `zero`: not every output runs in every batch.
    pub(crate) fn outputs_of(&self, batch: Time, zero: Option<Time>) -> usize {
        let runs = |slide: &&Duration| zero.is_none_or(|zero| batch.since(zero).is_multiple_of(**slide));
        self.outputs.iter().filter(runs).count()
    }

    #[cfg(test)]
    fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Every operator with what it cost: those of the program in its order, then those on datasets in the order in which they
    /// were first told of.
    pub(crate) fn costed(&self, works: &Works, recent: &BTreeMap<Place, Cost>) -> Vec<Costed<'_>> {
        let mut by_place: BTreeMap<Place, crate::store::Work> =
            works.lines().iter().map(|(site, work)| (place(*site), *work)).collect();
        let recent = |site: Site| recent.get(&place(site)).copied().unwrap_or_default();
        let of_program = self.nodes.iter().map(|node| Costed {
            site: node.site,
            node: Some(node),
            work: by_place.remove(&place(node.site)).unwrap_or_default(),
            recent: recent(node.site),
        });
        let mut costed: Vec<_> = of_program.collect();
        let others = works.lines().iter().filter(|(site, _)| by_place.contains_key(&place(*site)));
        costed.extend(others.map(|(site, work)| Costed {
            site: *site,
            node: None,
            work: *work,
            recent: recent(*site),
        }));
        costed
    }
}

/// Outputs have names of their own in the plan, and nothing is made of them.
fn is_output(operator: &PlannedOperator) -> bool {
    !operator.named && operator.name.strip_prefix("output-").is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use waterwheel_runtime::ids::StreamId;

    fn operator(name: &str, site: Site, inputs: &[&str], stream: Option<u32>) -> PlannedOperator {
        PlannedOperator {
            name: name.to_owned(),
            named: false,
            site,
            slide: Duration::from_secs(1),
            stream: stream.map(StreamId),
            level: None,
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
        }
    }

    #[test]
    fn the_parts_of_an_operator_are_one_node_with_its_name() {
        let (lines, count, print) = (Site::here("lines"), Site::here("count_by_window"), Site::here("print"));
        let plan = Plan {
            operators: vec![
                operator("lines-1", lines, &[], Some(3)),
                operator("count_by_window-1/map", count, &["lines-1"], None),
                operator("count_by_window-1/window", count, &["count_by_window-1/map"], None),
                operator("count_by_window-1", count, &["count_by_window-1/window"], None),
                operator("output-1", print, &["count_by_window-1"], None),
            ],
        };
        let graph = Graph::new(&plan);
        let told: Vec<_> =
            graph.nodes().iter().map(|node| (node.name.as_str(), node.inputs.clone(), node.operators)).collect();
        let expected = [("lines-1", vec![], 1), ("count_by_window-1", vec![0], 1), ("output-1", vec![1], 1)];
        assert_eq!(told, expected);
        let kinds: Vec<_> = graph.nodes().iter().map(|node| (node.stream, node.output)).collect();
        assert_eq!(kinds, [(Some(3), false), (None, false), (None, true)]);
    }

    #[test]
    fn a_batch_has_the_outputs_that_are_due_at_its_time() {
        let mut seldom = operator("output-2", Site::here("print"), &["lines-1"], None);
        seldom.slide = Duration::from_secs(3);
        let often = operator("output-1", Site::here("print"), &["lines-1"], None);
        let graph = Graph::new(&Plan { operators: vec![often, seldom] });
        let zero = Time::from_millis(500);
        let of = |seconds: u64| graph.outputs_of(zero + Duration::from_secs(seconds), Some(zero));
        assert_eq!((1..=6).map(of).collect::<Vec<_>>(), [1, 1, 2, 1, 1, 2]);
        assert_eq!(graph.outputs_of(zero, None), 2, "all, as long as it is not known");
    }

    #[test]
    fn operators_of_one_line_are_one_node_that_says_how_many() {
        let (lines, map) = (Site::here("lines"), Site::here("map"));
        let plan = Plan {
            operators: vec![
                operator("lines-1", lines, &[], None),
                operator("map-1", map, &["lines-1"], None),
                operator("map-2", map, &["map-1"], None),
            ],
        };
        let graph = Graph::new(&plan);
        assert_eq!(graph.nodes().len(), 2);
        assert_eq!((graph.nodes()[1].name.as_str(), graph.nodes()[1].operators), ("map-1", 2));
        assert_eq!(graph.nodes()[1].inputs, [0]);
    }
}
