//! Resolves the source of an input: through reroutes, bypassed nodes, into and out of subgraphs.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{
    expand::{Expanded, FlatNode},
    loaded::SUBGRAPH_INPUT,
    model::{NodeKind, NodeModel, Origin},
};
use crate::{Error, Remark, Result};

mod virtual_links;

use virtual_links::Setter;

/// The source of an input's value.
#[derive(Debug)]
pub(super) enum Source {
    /// Nothing: the socket is absent, a widget keeps its value.
    Nothing,
    /// The value of a promoted widget; `None` is `undefined`.
    Widget(Option<Value>),
    /// Another node's output.
    Output { node: usize, slot: i64 },
}

/// One step of a walk along links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum SlotRef {
    Input { node: usize, slot: usize },
    Output { node: usize, slot: i64 },
}

/// Follows links. It remembers results and counts its steps, so that every file takes linear time.
pub(super) struct Resolver<'x, 'l, 'a> {
    expanded: &'x Expanded<'l, 'a>,
    steps_left: usize,
    known: Known<'l>,
    /// Getters without a value, each once.
    pub(super) remarks: Vec<Remark>,
    unresolved: HashSet<usize>,
}

impl<'x, 'l, 'a> Resolver<'x, 'l, 'a> {
    /// Makes a resolver for one conversion.
    pub(super) fn new(expanded: &'x Expanded<'l, 'a>) -> Self {
        Self {
            expanded,
            steps_left: 500_000 + 50 * expanded.nodes.len(),
            known: Known::default(),
            remarks: Vec::new(),
            unresolved: HashSet::new(),
        }
    }

    /// Finds the source of the input at `slot` of `node`.
    pub(super) fn source(&mut self, node: usize, slot: usize) -> Result<Source> {
        let mut at_slot = SlotRef::Input { node, slot };
        let mut wanted_type: Option<&'l str> = None;
        let mut walk = Walk::default();
        loop {
            let (at, flat, model) = self.enter(at_slot)?;
            walk.crossed |= matches!(model.kind, NodeKind::Instance(_));
            if let (SlotRef::Output { slot, .. }, false) = (at_slot, walk.crossed) {
                let wanted = wanted_type.unwrap_or_default();
                if let Some(end) = self.known.end(at, slot, wanted) {
                    self.known.remember(walk, end);
                    return Ok(Source::from_end(end));
                }
                walk.trail.push((at, slot, wanted));
            }
            if !walk.first_visit(flat, at_slot) {
                return walk.circle(flat);
            }
            let step = match at_slot {
                SlotRef::Input { slot, .. } => self.through_input(flat, model, slot, &mut wanted_type)?,
                SlotRef::Output { slot, .. } if model.ui.mode == 4 => {
                    walk.bypasses = walk.trail.len();
                    walk.bypassed = true;
                    let input = self.bypass_slot(flat, model, slot, wanted_type.unwrap_or_default())?;
                    wanted_type = None;
                    input.map_or(Step::End(Source::Nothing), |slot| {
                        Step::Go(SlotRef::Input { node: at, slot })
                    })
                }
                SlotRef::Output { .. } if matches!(model.kind, NodeKind::Getter) => {
                    let setter = self.setter_of(at, flat, model);
                    walk.crossed |= setter.is_some_and(|setter| setter.is_outside);
                    let input = |setter: Setter| SlotRef::Input { node: setter.node, slot: 0 };
                    setter.map_or(Step::End(Source::Nothing), |setter| Step::Go(input(setter)))
                }
                SlotRef::Output { slot, .. } => self.through_output(at, flat, model, slot)?,
            };
            match step {
                Step::Go(next) => at_slot = next,
                Step::End(source) => {
                    match &source {
                        Source::Nothing => self.known.remember(walk, None),
                        Source::Output { node, slot } => self.known.remember(walk, Some((*node, *slot))),
                        Source::Widget(_) => {}
                    }
                    return Ok(source);
                }
            }
        }
    }

    fn enter(&mut self, at_slot: SlotRef) -> Result<(usize, &'x FlatNode, &'l NodeModel<'a>)> {
        let (SlotRef::Input { node, .. } | SlotRef::Output { node, .. }) = at_slot;
        let flat = self.expanded.nodes.get(node).ok_or_else(|| Error::new("a link leads nowhere"))?;
        let model = self.expanded.model(flat).ok_or_else(|| Error::new("a link leads nowhere"))?;
        self.steps_left = self.steps_left.checked_sub(1).ok_or_else(|| {
            Error::new("the links pass through too many reroutes and bypassed nodes")
                .node(&flat.id)
                .hint("remove reroutes and bypassed nodes")
        })?;
        Ok((node, flat, model))
    }

    fn through_input(
        &self,
        flat: &'x FlatNode,
        model: &'l NodeModel<'a>,
        slot: usize,
        wanted_type: &mut Option<&'l str>,
    ) -> Result<Step> {
        let broken = |what: &str, input: &str| {
            Error::new(format!("input `{input}` of node `{}`: {what}", flat.id))
                .node(&flat.id)
                .hint("the editor cannot run this file either; open it, connect the input again and save")
        };
        let Some(input) = model.inputs.get(slot) else {
            return Err(broken("there is no such input", &slot.to_string()));
        };
        let Some(link_id) = &input.link else {
            return match input.broadcast {
                Some(origin) => {
                    wanted_type.get_or_insert(&input.ty);
                    Ok(self.broadcast_source(flat, origin, wanted_type))
                }
                None => Ok(Step::End(Source::Nothing)),
            };
        };
        let level = self.expanded.level(flat).ok_or_else(|| Error::new("a link leads nowhere"))?;
        let Some(link) = level.ui.links.get(link_id) else {
            let hint = if level.ui.links_unread {
                "its link is not among those that the file's version reads: version 0.4 has lists, others objects"
            } else {
                "its link is not among the workflow's links"
            };
            return Err(broken(hint, &input.name));
        };
        if let (Some(parent), SUBGRAPH_INPUT) = (flat.parent, link.origin_id.as_str()) {
            let port = link.origin_slot.and_then(|slot| usize::try_from(slot).ok());
            let step = port.and_then(|port| self.through_port(parent, port, wanted_type));
            return step.ok_or_else(|| broken("the subgraph has no such input", &input.name));
        }
        let Some((origin, _)) = level.ui.find(&link.origin_id) else {
            return Err(broken("the node its link comes from does not exist", &input.name));
        };
        let Some(slot) = link.origin_slot else {
            return Err(broken("its link names no output of the node it comes from", &input.name));
        };
        wanted_type.get_or_insert(&input.ty);
        Ok(Step::Go(SlotRef::Output { node: self.expanded.sibling(flat, origin), slot }))
    }

    /// Leaves a subgraph through one of its inputs; `None` when there is no such input.
    fn through_port(&self, parent: usize, port: usize, wanted_type: &mut Option<&'l str>) -> Option<Step> {
        let outer = self.expanded.model(self.expanded.nodes.get(parent)?)?;
        let slot = outer.inputs.get(port)?;
        if slot.link.is_some() || slot.broadcast.is_some() {
            *wanted_type = None;
            return Some(Step::Go(SlotRef::Input { node: parent, slot: port }));
        }
        let widget = slot.widget.as_deref().and_then(|name| outer.widget(name));
        Some(Step::End(match widget {
            Some((_, widget)) => Source::Widget(widget.value.clone()),
            None => Source::Nothing,
        }))
    }

    fn through_output(
        &self,
        at: usize,
        flat: &FlatNode,
        model: &'l NodeModel<'a>,
        slot: i64,
    ) -> Result<Step> {
        match model.kind {
            NodeKind::Class(_) | NodeKind::Missing => Ok(Step::End(Source::Output { node: at, slot })),
            NodeKind::Instance(level) => self.inside_instance(flat, level, slot),
            NodeKind::Reroute
            | NodeKind::Setter
            | NodeKind::Getter
            | NodeKind::Primitive
            | NodeKind::Note => {
                let input = usize::try_from(slot).ok();
                let link = input.and_then(|slot| model.inputs.get(slot)).and_then(|slot| slot.link.as_ref());
                let known =
                    link.zip(self.expanded.level(flat)).is_some_and(|(l, g)| g.ui.links.contains_key(l));
                Ok(match input {
                    Some(slot) if known => Step::Go(SlotRef::Input { node: at, slot }),
                    _ => Step::End(Source::Nothing),
                })
            }
        }
    }

    fn inside_instance(&self, flat: &FlatNode, level: usize, slot: i64) -> Result<Step> {
        let inner = self.expanded.loaded.levels.get(level);
        let port = usize::try_from(slot).ok();
        let port = port.and_then(|port| inner?.subgraph?.outputs.get(port));
        let (Some(inner), Some(port)) = (inner, port) else {
            return Err(Error::new(format!("the subgraph at node `{}` has no output {slot}", flat.id))
                .node(&flat.id)
                .hint("connect the output again in the editor and save"));
        };
        let Some(link) = port.links.iter().find_map(|link| inner.ui.links.get(link)) else {
            let broadcast = usize::try_from(slot).ok().and_then(|port| inner.output_broadcasts.get(port));
            return Ok(match broadcast {
                Some(Some(Origin::Output { node, slot })) => {
                    Step::Go(SlotRef::Output { node: flat.inside + node, slot: *slot })
                }
                _ => Step::End(Source::Nothing),
            });
        };
        let origin = inner.ui.find(&link.origin_id).zip(link.origin_slot);
        let Some(((node, _), slot)) = origin else {
            return Err(Error::new(format!(
                "output `{}` of the subgraph at node `{}` comes straight from one of its inputs",
                port.name, flat.id
            ))
            .node(&flat.id)
            .hint("the editor cannot run this either; put a node between the input and the output"));
        };
        Ok(Step::Go(SlotRef::Output { node: flat.inside + node, slot }))
    }

    /// Chooses the input that a bypassed node passes on: the same slot if it fits, else the first of the wanted type.
    fn bypass_slot(
        &mut self,
        flat: &FlatNode,
        model: &NodeModel<'_>,
        slot: i64,
        wanted: &str,
    ) -> Result<Option<usize>> {
        let same = usize::try_from(slot).ok();
        if wanted == "*" || wanted.is_empty() {
            return Ok(Some(same.filter(|slot| *slot < model.inputs.len()).unwrap_or(0)));
        }
        let Some((same, given)) = same.and_then(|slot| Some((slot, model.outputs.get(slot)?))) else {
            return Err(Error::new(format!("the bypassed node `{}` has no output {slot}", flat.id))
                .node(&flat.id)
                .hint("the editor cannot run this either; connect the output again and save"));
        };
        self.steps_left = self.steps_left.saturating_sub(model.inputs.len());
        let fits = |ty: &str| compatible(ty, given) && compatible(ty, wanted);
        if model.inputs.get(same).is_some_and(|input| fits(&input.ty)) {
            return Ok(Some(same));
        }
        let exact = model.inputs.iter().position(|input| input.ty == wanted);
        Ok(exact.or_else(|| model.inputs.iter().position(|input| fits(&input.ty))))
    }
}

enum Step {
    Go(SlotRef),
    End(Source),
}

/// The end of a walk: an output, or nothing.
type End = Option<(usize, i64)>;

impl Source {
    fn from_end(end: End) -> Self {
        end.map_or(Self::Nothing, |(node, slot)| Self::Output { node, slot })
    }
}

/// The results of earlier walks.
#[derive(Debug, Default)]
struct Known<'l> {
    /// Results through reroutes alone, which hold for any wanted type.
    plain: HashMap<(usize, i64), End>,
    /// Results through bypassed nodes, which depend on the wanted type.
    typed: HashMap<(usize, i64, &'l str), End>,
}

impl<'l> Known<'l> {
    fn end(&self, node: usize, slot: i64, wanted: &'l str) -> Option<End> {
        self.plain.get(&(node, slot)).or_else(|| self.typed.get(&(node, slot, wanted))).copied()
    }

    /// Keeps the outputs that a walk passed. Walks through subgraphs are not kept: they may be a cycle
    /// from one start and not from another.
    fn remember(&mut self, walk: Walk<'l>, end: End) {
        if walk.crossed {
            return;
        }
        for (at, (node, slot, wanted)) in walk.trail.into_iter().enumerate() {
            if at < walk.bypasses {
                self.typed.insert((node, slot, wanted), end);
            } else {
                self.plain.insert((node, slot), end);
            }
        }
    }
}

/// The steps of one walk. A node of a subgraph is the same step in every instance, as in the editor.
#[derive(Debug, Default)]
struct Walk<'l> {
    /// The first few steps; most walks are this short.
    few: Vec<Visit>,
    many: HashSet<Visit>,
    /// The outputs passed, with the wanted type.
    trail: Vec<(usize, i64, &'l str)>,
    /// The number of outputs of the trail at or before the last bypassed node.
    bypasses: usize,
    bypassed: bool,
    /// True once the walk went into or out of a subgraph.
    crossed: bool,
}

/// A level, a node of the level, and the step at that node.
type Visit = (usize, usize, SlotRef);

impl Walk<'_> {
    fn first_visit(&mut self, flat: &FlatNode, at_slot: SlotRef) -> bool {
        let anywhere = match at_slot {
            SlotRef::Input { slot, .. } => SlotRef::Input { node: 0, slot },
            SlotRef::Output { slot, .. } => SlotRef::Output { node: 0, slot },
        };
        let visit = (flat.level, flat.node, anywhere);
        if self.few.contains(&visit) {
            return false;
        }
        if self.few.len() < 12 {
            self.few.push(visit);
            return true;
        }
        self.many.insert(visit)
    }

    /// Ends a walk in a cycle: one of reroutes carries nothing, one with bypassed nodes stops the editor.
    fn circle(&self, flat: &FlatNode) -> Result<Source> {
        if self.bypassed || self.crossed {
            return Err(Error::new(format!("the links through node `{}` come back to themselves", flat.id))
                .node(&flat.id)
                .hint("the editor cannot run this either; disconnect one of the bypassed nodes"));
        }
        Ok(Source::Nothing)
    }
}

/// True when a link may join the two types: equal but for case, a shared one of two lists, or any.
fn compatible(one: &str, other: &str) -> bool {
    let any = |ty: &str| ty.is_empty() || ty == "*";
    if any(one) || any(other) || one == other {
        return true;
    }
    if !one.contains(',') && !other.contains(',') {
        return one.eq_ignore_ascii_case(other);
    }
    let parts: HashSet<String> = one.split(',').map(str::to_ascii_lowercase).collect();
    parts.iter().any(|part| any(part))
        || other.split(',').any(|ty| any(ty) || parts.contains(&ty.to_ascii_lowercase()))
}
