//! A layered layout: links run from left to right, a node stands right after its sources.

/// The gap between two layers.
const GAP_X: f64 = 90.0;
/// The gap between two nodes of a layer, title bar included.
const GAP_Y: f64 = 70.0;

/// Positions boxes in layers. `sizes` are widths and heights, `edges` go from a source to its consumer.
///
/// Returns the upper left corners. The back edge of a cycle is ignored.
pub(super) fn layered(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Vec<(f64, f64)> {
    let graph = Graph::new(sizes.len(), edges);
    let layer_of = graph.layers();
    let depth = layer_of.iter().copied().max().map_or(0, |last| last + 1);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for (node, layer) in layer_of.iter().enumerate() {
        if let Some(layer) = layers.get_mut(*layer) {
            layer.push(node);
        }
    }
    let mut rank = vec![0.0; sizes.len()];
    number(&layers, &mut rank);
    for round in 0..4 {
        let (neighbours, forward) =
            if round % 2 == 0 { (&graph.sources, true) } else { (&graph.users, false) };
        order(&mut layers, neighbours, &mut rank, forward);
    }
    place(&layers, sizes)
}

struct Graph {
    sources: Vec<Vec<usize>>,
    users: Vec<Vec<usize>>,
}

impl Graph {
    fn new(count: usize, edges: &[(usize, usize)]) -> Self {
        let mut graph = Self { sources: vec![Vec::new(); count], users: vec![Vec::new(); count] };
        for (from, to) in edges.iter().filter(|(from, to)| from != to) {
            if let (Some(users), true) = (graph.users.get_mut(*from), *to < count) {
                users.push(*to);
            }
            if let (Some(sources), true) = (graph.sources.get_mut(*to), *from < count) {
                sources.push(*from);
            }
        }
        graph
    }

    /// Assigns layers by the longest path from a node without sources; such nodes then move next to their first consumer.
    fn layers(&self) -> Vec<usize> {
        let count = self.sources.len();
        let mut layers = vec![0; count];
        let mut waiting: Vec<usize> = self.sources.iter().map(Vec::len).collect();
        let mut ready: Vec<usize> = (0..count).filter(|node| waiting.get(*node) == Some(&0)).collect();
        let mut at = 0;
        while let Some(node) = ready.get(at).copied() {
            at += 1;
            let next = layers.get(node).map_or(0, |layer| layer + 1);
            for user in self.users.get(node).into_iter().flatten() {
                if let Some(layer) = layers.get_mut(*user) {
                    *layer = next.max(*layer);
                }
                if let Some(left) = waiting.get_mut(*user) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(*user);
                    }
                }
            }
        }
        for node in 0..count {
            let users = self.users.get(node).into_iter().flatten();
            let first: Option<usize> = users.filter_map(|user| layers.get(*user)).min().copied();
            let free = self.sources.get(node).is_some_and(Vec::is_empty);
            if let (true, Some(first), Some(layer)) = (free, first, layers.get_mut(node)) {
                *layer = first.saturating_sub(1).max(*layer);
            }
        }
        layers
    }
}

fn number(layers: &[Vec<usize>], rank: &mut [f64]) {
    for layer in layers {
        let mut next = 0.0;
        for node in layer {
            if let Some(rank) = rank.get_mut(*node) {
                *rank = next;
            }
            next += 1.0;
        }
    }
}

/// Sorts each layer by the mean place of its neighbours.
fn order(layers: &mut [Vec<usize>], neighbours: &[Vec<usize>], rank: &mut [f64], forward: bool) {
    let count = layers.len();
    for step in 0..count {
        let at = if forward { step } else { count - 1 - step };
        let Some(layer) = layers.get_mut(at) else { continue };
        let mut keyed: Vec<(f64, usize)> = layer
            .iter()
            .map(|node| {
                let places = neighbours.get(*node).into_iter().flatten().filter_map(|other| rank.get(*other));
                let (sum, many) = places.fold((0.0, 0.0), |(sum, many), place| (sum + place, many + 1.0));
                let own = rank.get(*node).copied().unwrap_or(0.0);
                (if many > 0.0 { sum / many } else { own }, *node)
            })
            .collect();
        keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
        *layer = keyed.into_iter().map(|(_, node)| node).collect();
        number(std::slice::from_ref(layer), rank);
    }
}

fn place(layers: &[Vec<usize>], sizes: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners = vec![(0.0, 0.0); sizes.len()];
    let size = |node: &usize| sizes.get(*node).copied().unwrap_or_default();
    let mut x = 0.0;
    for layer in layers {
        let mut y = 0.0;
        let mut width: f64 = 0.0;
        for node in layer {
            if let Some(corner) = corners.get_mut(*node) {
                *corner = (x, y);
            }
            y += size(node).1 + GAP_Y;
            width = width.max(size(node).0);
        }
        x += width + GAP_X;
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_runs_to_the_right_and_nothing_overlaps() {
        let sizes = [(300.0, 100.0), (400.0, 200.0), (200.0, 50.0), (300.0, 260.0), (200.0, 60.0)];
        let edges = [(0, 1), (0, 3), (1, 3), (2, 3), (3, 4)];
        let corners = layered(&sizes, &edges);
        for (from, to) in edges {
            assert!(corners[from].0 + sizes[from].0 < corners[to].0, "{from} → {to}: {corners:?}");
        }
        assert!((corners[2].0 - corners[1].0).abs() < 1e-9, "a source stands next to its user");
        assert!(corners[1].1 + sizes[1].1 < corners[2].1 || corners[2].1 + sizes[2].1 < corners[1].1);
    }

    #[test]
    fn circles_and_foreign_edges_do_no_harm() {
        let sizes = vec![(10.0, 10.0); 3];
        assert_eq!(layered(&sizes, &[(0, 1), (1, 0), (2, 2), (7, 1), (1, 9)]).len(), 3);
        assert!(layered(&[], &[]).is_empty());
    }
}
