//! What is left of a query when one part goes.

use super::aggregate::Aggregate;
use super::condition::{Condition, all_of};
use super::query::{Grouping, Join, Key, KeyOf, Query};

impl Query {
    /// Queries with one part less, or with a simpler one.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        if self.union.is_some() {
            smaller.push(Self { union: None, ..self.clone() });
        }
        if self.join.is_some() && !self.names_other() {
            smaller.push(Self { join: None, ..self.clone() });
        }
        if self.limit.is_some() {
            smaller.push(Self { limit: None, offset: 0, ..self.clone() });
        }
        if self.offset > 0 {
            smaller.push(Self { offset: 0, ..self.clone() });
        }
        if self.distinct {
            smaller.push(Self { distinct: false, ..self.clone() });
        }
        smaller.extend(less_of(&self.order).map(|order| Self { order, ..self.clone() }));
        smaller.extend(self.with_less_asked());
        let simpler = simpler(&self.conditions);
        smaller.extend(simpler.map(|conditions| Self { conditions, ..self.clone() }));
        if let Some(join) = &self.join {
            let with = |conditions| Some(Join { conditions, ..join.clone() });
            let all = less_of(&join.conditions).chain(simpler_parts(&join.conditions));
            smaller.extend(all.map(|it| Self { join: with(it), ..self.clone() }));
        }
        smaller
    }

    /// Whether something besides the join is of the other table.
    fn names_other(&self) -> bool {
        let keys = self.order.iter().filter_map(|key| match &key.of {
            KeyOf::Row(of) => Some(of.text.clone()),
            KeyOf::Output(_) => None,
        });
        let outputs = self.outputs.iter().map(|output| output.text.clone());
        let groups = self.grouping.iter();
        let aggregates = groups.clone().flat_map(|it| &it.aggregates).map(Aggregate::sql);
        let having = groups.flat_map(|it| &it.having).map(|it| it.text.clone());
        let texts = keys.chain(outputs).chain(aggregates).chain(having);
        texts.chain([all_of(&self.conditions)]).any(|text| text.contains("z."))
    }

    fn with_less_asked(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        let aggregates = self.grouping.iter().flat_map(|it| &it.aggregates);
        // Of groups by something else the first value is a matter of chance.
        let is_first_needed =
            aggregates.map(Aggregate::sql).any(|it| it.starts_with("first_value"));
        for place in 0..self.width() {
            if self.width() == 1 {
                break;
            }
            if place == 0 && is_first_needed {
                continue;
            }
            let order = without(&self.order, place);
            if place < self.outputs.len() {
                let mut outputs = self.outputs.clone();
                outputs.remove(place);
                smaller.push(Self { outputs, order, ..self.clone() });
            } else if let Some(grouping) = &self.grouping {
                let mut aggregates = grouping.aggregates.clone();
                aggregates.remove(place - self.outputs.len());
                let grouping = Some(Grouping { aggregates, ..grouping.clone() });
                smaller.push(Self { grouping, order, ..self.clone() });
            }
        }
        let Some(grouping) = &self.grouping else { return smaller };
        let with = |grouping| Self { grouping: Some(grouping), ..self.clone() };
        for having in less_of(&grouping.having) {
            smaller.push(with(Grouping { having, ..grouping.clone() }));
        }
        for (place, aggregate) in grouping.aggregates.iter().enumerate() {
            if aggregate.filter.is_some() {
                let mut aggregates = grouping.aggregates.clone();
                aggregates[place].filter = None;
                smaller.push(with(Grouping { aggregates, ..grouping.clone() }));
            }
        }
        smaller
    }
}

/// The lists with one part less.
fn less_of<T: Clone>(all: &[T]) -> impl Iterator<Item = Vec<T>> + use<'_, T> {
    (0..all.len()).map(|place| {
        let mut less = all.to_vec();
        less.remove(place);
        less
    })
}

/// The lists with one condition less or simpler; one at least is left.
fn simpler(conditions: &[Condition]) -> impl Iterator<Item = Vec<Condition>> + use<'_> {
    let less = (conditions.len() > 1).then(|| less_of(conditions)).into_iter().flatten();
    less.chain(simpler_parts(conditions))
}

/// The lists with one condition simpler.
fn simpler_parts(conditions: &[Condition]) -> impl Iterator<Item = Vec<Condition>> + use<'_> {
    conditions.iter().enumerate().flat_map(move |(place, condition)| {
        condition.smaller().into_iter().map(move |less| {
            let mut conditions = conditions.to_vec();
            conditions[place] = less;
            conditions
        })
    })
}

/// The order without the output at `place`, whose successors move up.
fn without(order: &[Key], place: usize) -> Vec<Key> {
    let moved = order.iter().filter_map(|key| match key.of {
        KeyOf::Output(at) if at == place => None,
        KeyOf::Output(at) if at > place => Some(Key { of: KeyOf::Output(at - 1), ..key.clone() }),
        _ => Some(key.clone()),
    });
    moved.collect()
}
