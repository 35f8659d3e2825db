//! Differences from the playground that are meant: where TiKV answers as the embedded cluster does.
//!
//! They are in `differences/`, a file per group of cases:
//!
//! ```text
//! != why TiKV is right; holds for what follows
//! == the case
//! -- the step
//! - a line of unistore's answer
//! + the line that is TiKV's instead
//! ```

use tifusion_testkit::cluster::repository;

/// A difference in one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The case.
    pub(crate) case: String,
    /// The step's label.
    pub(crate) step: String,
    /// Lines of unistore's answer that are not TiKV's.
    pub(crate) unistore: Vec<String>,
    /// TiKV's lines instead.
    pub(crate) tikv: Vec<String>,
}

/// The differences of a group of cases.
pub(crate) fn read(group: &str) -> Vec<Difference> {
    let path = repository().join(format!("tests/conformance/differences/{group}.txt"));
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

fn parse(text: &str) -> Vec<Difference> {
    let (mut reason, mut case) = ("", "");
    let mut differences: Vec<Difference> = Vec::new();
    for line in text.lines() {
        let (sign, content) = line.split_once(' ').unwrap_or((line, ""));
        let last = differences.last_mut();
        match (sign, last) {
            ("!=", _) => reason = content,
            ("==", _) => case = content,
            ("--", _) => {
                assert!(!reason.is_empty(), "a difference without a reason: {case}, {content}");
                let (case, step) = (case.to_owned(), content.to_owned());
                differences.push(Difference { case, step, ..Difference::default() });
            }
            ("-", Some(last)) => last.unistore.push(content.to_owned()),
            ("+", Some(last)) => last.tikv.push(content.to_owned()),
            _ => panic!("not a line of differences: {line}"),
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_differences_is_read() {
        let text = "!= why\n== a\n-- 1 get\n- value: 1\n+ value: 2\n+ x: 3\n-- 2 get\n- y: 1\n";
        let read = parse(text);
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].case.as_str(), read[0].step.as_str()), ("a", "1 get"));
        assert_eq!(read[0].tikv, ["value: 2", "x: 3"]);
        assert_eq!((read[1].step.as_str(), read[1].unistore[0].as_str()), ("2 get", "y: 1"));
    }

    #[test]
    #[should_panic(expected = "without a reason")]
    fn a_difference_has_a_reason() {
        parse("== a\n-- 1 get\n- value: 1\n");
    }
}
