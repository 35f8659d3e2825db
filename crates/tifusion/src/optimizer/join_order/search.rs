//! The search for an order.

use std::collections::BTreeMap;

use super::cost::Costs;
use super::tree::{Leaves, Tree};

/// Sets of leaves of one size that are followed up, the cheapest ones.
const BREADTH: usize = 64;

/// An order, and what it takes.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) tree: Tree,
    pub(super) cost: f64,
}

/// The order that takes least among those that join one leaf after another, each with something that is joined already; `None`
/// if there is none.
pub(super) fn best(costs: &Costs) -> Option<Order> {
    let one = |leaf| (Leaves::one(leaf), Order { tree: Tree::Leaf(leaf), cost: 0.0 });
    let mut sets: BTreeMap<Leaves, Order> = (0..costs.len()).map(one).collect();
    for _ in 1..costs.len() {
        let mut larger: BTreeMap<Leaves, Order> = BTreeMap::new();
        for (leaves, order) in &sets {
            let next = (0..costs.len())
                .filter(|leaf| !leaves.has(*leaf) && costs.are_connected(*leaves, *leaf));
            for leaf in next {
                let tree = order.tree.clone().with(Tree::Leaf(leaf));
                let cost = costs.of_tree(&tree);
                let all = leaves.and(Leaves::one(leaf));
                if larger.get(&all).is_none_or(|known| cost < known.cost) {
                    larger.insert(all, Order { tree, cost });
                }
            }
        }
        let mut cheapest: Vec<(Leaves, Order)> = larger.into_iter().collect();
        cheapest.sort_by(|(_, one), (_, other)| one.cost.total_cmp(&other.cost));
        cheapest.truncate(BREADTH);
        sets = cheapest.into_iter().collect();
    }
    sets.into_values().min_by(|one, other| one.cost.total_cmp(&other.cost))
}

#[cfg(test)]
mod tests {
    use super::super::cost::testing::{Stated, costs};
    use super::*;
    use crate::scan::dynamic::ByValues;

    const LIST: Option<ByValues> = Some(ByValues::List(64));

    fn keys(most: usize) -> Option<ByValues> {
        Some(ByValues::Keys(most))
    }

    fn sequence(tree: &Tree) -> Vec<usize> {
        match tree {
            Tree::Leaf(leaf) => vec![*leaf],
            Tree::Join(left, right) => [sequence(left), sequence(right)].concat(),
        }
    }

    /// TPC-H's query 8 at scale 0.1, in the order of the query: parts of a type, lines, orders of two years, customers, nations,
    /// a region.
    fn query_8() -> Costs {
        let leaves = [
            (20_000.0, 147.0),
            (600_000.0, 600_000.0),
            (150_000.0, 45_000.0),
            (15_000.0, 15_000.0),
            (25.0, 25.0),
            (5.0, 1.0),
        ];
        let equalities: [[Stated; 2]; 5] = [
            [(0, 20_000.0, keys(2_500)), (1, 20_000.0, LIST)],
            [(1, 150_000.0, keys(75_000)), (2, 150_000.0, keys(18_750))],
            [(2, 10_000.0, LIST), (3, 15_000.0, keys(1_875))],
            [(3, 25.0, LIST), (4, 25.0, keys(1_000))],
            [(4, 5.0, LIST), (5, 5.0, keys(1_000))],
        ];
        costs(&leaves, &equalities)
    }

    #[test]
    fn the_table_that_keys_make_small_comes_when_they_are_told() {
        let costs = query_8();
        let stated = (1..6).map(Tree::Leaf).fold(Tree::Leaf(0), Tree::with);
        let best = best(&costs).unwrap();
        let order = sequence(&best.tree);
        let place = |leaf| order.iter().position(|it| *it == leaf).unwrap();
        assert!(place(2) < place(1) && place(3) < place(1), "{order:?}");
        assert!(best.cost < 0.75 * costs.of_tree(&stated), "{best:?}");
        assert_eq!(best.cost.to_bits(), costs.of_tree(&best.tree).to_bits());
    }

    #[test]
    fn each_leaf_comes_once_and_with_something_it_equals() {
        let costs = query_8();
        let order = sequence(&best(&costs).unwrap().tree);
        let mut joined = Leaves::one(order[0]);
        for leaf in &order[1..] {
            assert!(!joined.has(*leaf) && costs.are_connected(joined, *leaf), "{order:?}");
            joined = joined.and(Leaves::one(*leaf));
        }
        assert_eq!(order.len(), 6);
    }

    #[test]
    fn what_nothing_connects_has_no_order() {
        let equality = [(0, 10.0, None), (1, 10.0, None)];
        assert!(best(&costs(&[(10.0, 10.0); 3], &[equality])).is_none());
        assert!(best(&costs(&[], &[])).is_none());
    }

    #[test]
    fn twenty_tables_around_one_are_searched_in_no_time() {
        let leaves = [(1_000.0, 1_000.0); 20];
        let equality = |leaf| [(0, 1_000.0, LIST), (leaf, 1_000.0, keys(1_000))];
        let equalities: Vec<_> = (1..20).map(equality).collect();
        let began = std::time::Instant::now();
        let best = best(&costs(&leaves, &equalities)).unwrap();
        assert_eq!(sequence(&best.tree).len(), 20);
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
}
