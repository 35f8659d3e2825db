//! Paths into JSON documents: `$.key`, `$."key"`, `$[0]`, `$[last]`, `$.*`, `$[*]`.

use crate::cop::error::EvalError;
use crate::cop::json::Json;

/// MySQL's number for a path that can't be read.
const INVALID_PATH: i32 = 3143;

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Leg {
    Key(String),
    AnyKey,
    /// An index from the front.
    Index(usize),
    /// An index from the end: 0 is the last one.
    FromEnd(usize),
    AnyIndex,
}

/// A path of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    legs: Vec<Leg>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// Error 3143 for what is no path, or one with `**` or `to`, which this cluster doesn't know.
    pub(super) fn parse(text: &str) -> Result<Self, EvalError> {
        let invalid =
            || EvalError::new(INVALID_PATH, format!("Invalid JSON path expression {text:?}."));
        let mut rest = text.trim().strip_prefix('$').ok_or_else(invalid)?.trim_start();
        let mut legs = Vec::new();
        while !rest.is_empty() {
            let (leg, behind) = match rest.strip_prefix('.') {
                Some(key) => key_leg(key.trim_start()),
                None => rest.strip_prefix('[').and_then(index_leg),
            }
            .ok_or_else(invalid)?;
            legs.push(leg);
            rest = behind.trim_start();
        }
        Ok(Self { legs })
    }

    /// Whether the path may lead to more than one place.
    pub(super) fn may_find_many(&self) -> bool {
        self.legs.iter().any(|leg| matches!(leg, Leg::AnyKey | Leg::AnyIndex))
    }

    /// The parts of a document that the path leads to.
    pub(super) fn find<'a>(&self, document: &'a Json) -> Vec<&'a Json> {
        self.legs.iter().fold(vec![document], |places, leg| {
            places.into_iter().flat_map(|place| step(place, leg)).collect()
        })
    }
}

fn step<'a>(place: &'a Json, leg: &Leg) -> Vec<&'a Json> {
    match (place, leg) {
        (Json::Object(members), Leg::Key(key)) => members.get(key).into_iter().collect(),
        (Json::Object(members), Leg::AnyKey) => members.values().collect(),
        (Json::Array(values), Leg::Index(index)) => values.get(*index).into_iter().collect(),
        (Json::Array(values), Leg::FromEnd(index)) => {
            values.iter().rev().nth(*index).into_iter().collect()
        }
        (Json::Array(values), Leg::AnyIndex) => values.iter().collect(),
        // What is no array is one of itself.
        (Json::Array(_), _) => Vec::new(),
        (scalar, Leg::Index(0) | Leg::FromEnd(0)) => vec![scalar],
        _ => Vec::new(),
    }
}

fn key_leg(text: &str) -> Option<(Leg, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((Leg::AnyKey, rest));
    }
    if let Some(quoted) = text.strip_prefix('"') {
        let (key, rest) = quoted.split_once('"')?;
        let plain = !key.is_empty() && !key.contains('\\') && !key.contains(char::is_control);
        return plain.then(|| (Leg::Key(key.to_owned()), rest));
    }
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '.' | '[' | '*'));
    let (key, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    let starts = key.chars().next().is_some_and(|first| !first.is_ascii_digit());
    (starts && key.chars().all(is_word)).then(|| (Leg::Key(key.to_owned()), rest))
}

fn index_leg(text: &str) -> Option<(Leg, &str)> {
    let (inside, rest) = text.split_once(']')?;
    let inside = inside.trim();
    let leg = if inside == "*" {
        Leg::AnyIndex
    } else if let Some(back) = inside.strip_prefix("last") {
        match back.trim_start().strip_prefix('-') {
            Some(back) => Leg::FromEnd(back.trim_start().parse().ok()?),
            None => back.is_empty().then_some(Leg::FromEnd(0))?,
        }
    } else {
        Leg::Index(inside.parse().ok()?)
    };
    Some((leg, rest))
}
