//! Which columns a name can mean at one place of a statement, and how they are spelled.

use tifusion_schema::model::ci_str::to_lower;

/// Names of columns in their own spelling, or `None` where they can't be known from the statement
/// (a table function's, say).
pub(super) type Columns = Option<Vec<String>>;

/// Something in a `FROM` clause.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// By which name columns may be qualified: an alias, or the parts of a table's name. Empty for
    /// none.
    pub(super) name: Vec<String>,
    /// Its columns.
    pub(super) columns: Columns,
}

/// What names mean at one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// What the `FROM` clause brought so far.
    pub(super) relations: &'a [Relation],
    /// Names given by the `SELECT` list, where they can be used.
    pub(super) outputs: &'a [String],
    /// Whether a name in [`Scope::outputs`] goes before a column of the same spelling, as in
    /// `ORDER BY`.
    pub(super) outputs_first: bool,
    /// The query around this one.
    pub(super) parent: Option<&'a Scope<'a>>,
}

/// What to do about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Match {
    /// Leave it: it fits exactly, or nothing is known that fits better.
    Keep,
    /// Spell it so.
    Respell(String),
    /// It is not here.
    Absent,
}

impl Scope<'_> {
    /// How to spell the column `name`, if otherwise than it is.
    pub(super) fn column(&self, name: &str) -> Option<String> {
        match self.column_here(name) {
            Match::Keep => None,
            Match::Respell(spelling) => Some(spelling),
            Match::Absent => self.parent.and_then(|parent| parent.column(name)),
        }
    }

    fn column_here(&self, name: &str) -> Match {
        let known = || self.relations.iter().filter_map(|relation| relation.columns.as_deref());
        let all = || known().flatten().map(String::as_str);
        let outputs = || self.outputs.iter().map(String::as_str);
        if outputs().chain(all()).any(|column| column == name) {
            return Match::Keep;
        }
        if self.relations.iter().any(|relation| relation.columns.is_none()) {
            return Match::Keep;
        }
        let (from_outputs, from_tables) = (alike(outputs(), name), alike(all(), name));
        let (first, second) = match self.outputs_first {
            true => (from_outputs, from_tables),
            false => (from_tables, from_outputs),
        };
        if first == Match::Absent { second } else { first }
    }

    /// How to spell the parts of `a.b.c…`: for each part its spelling if it changes. The parts may
    /// be a qualifier, then a column, then fields within it; fields are left alone.
    pub(super) fn compound(&self, parts: &[String]) -> Vec<Option<String>> {
        let longest = parts.len().saturating_sub(1).min(3);
        for qualified_by in (1..=longest).rev() {
            let Some((qualifier, rest)) = parts.split_at_checked(qualified_by) else { continue };
            let Some(column) = rest.first() else { continue };
            let Some((relation, mut spelled)) = self.relation(qualifier) else { continue };
            match relation.columns.as_deref() {
                None => return spelled,
                Some(columns) if columns.contains(column) => return spelled,
                Some(columns) => match alike(columns.iter().map(String::as_str), column) {
                    Match::Respell(spelling) => {
                        spelled.push(Some(spelling));
                        return spelled;
                    }
                    Match::Keep => return spelled,
                    Match::Absent => {}
                },
            }
        }
        let Some(first) = parts.first() else { return Vec::new() };
        match self.column_here(first) {
            Match::Keep => Vec::new(),
            Match::Respell(spelling) => vec![Some(spelling)],
            Match::Absent => self.parent.map_or_else(Vec::new, |parent| parent.compound(parts)),
        }
    }

    /// How to spell the parts of the qualifier in `a.b.*`.
    pub(super) fn qualifier(&self, parts: &[String]) -> Vec<Option<String>> {
        match (self.relation(parts), self.parent) {
            (Some((_, spelled)), _) => spelled,
            (None, Some(parent)) => parent.qualifier(parts),
            (None, None) => Vec::new(),
        }
    }

    /// The relation that `qualifier` names, exactly if one does and else the only one that differs
    /// in case alone; and how to spell the qualifier's parts for it.
    pub(super) fn relation(
        &self,
        qualifier: &[String],
    ) -> Option<(&Relation, Vec<Option<String>>)> {
        let exact = |relation: &&Relation| relation.is_named(qualifier, |a, b| a == b);
        if let Some(relation) = self.relations.iter().find(exact) {
            return Some((relation, vec![None; qualifier.len()]));
        }
        let similar =
            |relation: &&Relation| relation.is_named(qualifier, |a, b| to_lower(a) == to_lower(b));
        let mut found = self.relations.iter().filter(similar);
        let relation = found.next()?;
        if found.next().is_some() {
            return None;
        }
        let mut spelled = vec![None; qualifier.len()];
        for (slot, part) in spelled.iter_mut().rev().zip(relation.name.iter().rev()) {
            *slot = Some(part.clone());
        }
        Some((relation, spelled))
    }
}

impl Relation {
    /// Whether `qualifier` names it: the shorter of both names is the end of the longer.
    fn is_named(&self, qualifier: &[String], same: impl Fn(&str, &str) -> bool) -> bool {
        let mut pairs = self.name.iter().rev().zip(qualifier.iter().rev());
        !self.name.is_empty() && pairs.all(|(a, b)| same(a, b))
    }
}

/// The one spelling among `columns` that differs from `name` in case alone.
fn alike<'a>(columns: impl Iterator<Item = &'a str>, name: &str) -> Match {
    let name = to_lower(name);
    let mut similar = columns.filter(|column| to_lower(column) == name);
    let Some(first) = similar.next() else { return Match::Absent };
    match similar.any(|other| other != first) {
        true => Match::Keep,
        false => Match::Respell(first.to_owned()),
    }
}

/// How the relations of one side of a join spell the column `name`; `None` if they don't have it,
/// don't agree, or can't be known.
pub(super) fn spelling_in<'a>(relations: &'a [Relation], name: &str) -> Option<&'a str> {
    let mut all = Vec::new();
    for relation in relations {
        all.extend(relation.columns.as_deref()?.iter().map(String::as_str));
    }
    if let Some(exact) = all.iter().find(|column| **column == name) {
        return Some(exact);
    }
    let lower = to_lower(name);
    all.retain(|column| to_lower(column) == lower);
    all.dedup();
    match all.as_slice() {
        [one] => Some(one),
        _ => None,
    }
}
