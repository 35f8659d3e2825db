//! How what a cluster answered compares with what was recorded.

use std::collections::BTreeSet;

use super::transcript::{Step, Transcript, path};

/// A difference from the playground that is meant: TiKV answers as the embedded cluster does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    /// The case.
    pub(crate) case: &'static str,
    /// The step's label.
    pub(crate) step: &'static str,
    /// The field; those in it belong to it. Empty for the whole answer.
    pub(crate) field: &'static str,
    /// What TiKV answers there: lines `path: value`.
    pub(crate) tikv: &'static [&'static str],
    /// Why it is right.
    pub(crate) reason: &'static str,
}

impl Difference {
    fn covers(&self, line: &str) -> bool {
        let rest = path(line).strip_prefix(self.field);
        self.field.is_empty()
            || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }

    fn is_of(&self, case: &str, step: &str) -> bool {
        self.case == case && self.step == step
    }
}

/// All that is wrong with `told`, where `recorded` is what is right but for `differences`: a paragraph each.
pub(crate) fn compare(
    recorded: &[Transcript],
    told: &[Transcript],
    differences: &[Difference],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for transcript in told {
        let case = &transcript.case;
        let Some(recorded) = recorded.iter().find(|recorded| recorded.case == *case) else {
            wrong.push(format!("{case}: is not recorded"));
            continue;
        };
        for (at, step) in transcript.steps.iter().enumerate() {
            match recorded.steps.get(at) {
                Some(recorded) if recorded.label == step.label => {
                    compare_step(case, recorded, step, differences, &mut used, &mut wrong);
                }
                other => {
                    let recorded = other.map(|step| step.label.as_str());
                    wrong.push(format!("{case}, {}: recorded is {recorded:?}", step.label));
                }
            }
        }
        if transcript.steps.len() < recorded.steps.len() {
            wrong.push(format!("{case}: only {} steps", transcript.steps.len()));
        }
    }
    for recorded in recorded.iter().filter(|it| !told.iter().any(|told| told.case == it.case)) {
        wrong.push(format!("{}: is recorded, but no case", recorded.case));
    }
    for (_, difference) in differences.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
        let Difference { case, step, field, .. } = difference;
        wrong.push(format!("{case}, {step}, {field}: the difference is not there (any more)"));
    }
    wrong
}

fn compare_step(
    case: &str,
    recorded: &Step,
    told: &Step,
    differences: &[Difference],
    used: &mut BTreeSet<usize>,
    wrong: &mut Vec<String>,
) {
    let (mut expected, mut got) = (recorded.lines.clone(), told.lines.clone());
    for (at, difference) in differences.iter().enumerate() {
        if !difference.is_of(case, &told.label) {
            continue;
        }
        let take = |lines: &mut Vec<String>| -> Vec<String> {
            lines.extract_if(.., |line| difference.covers(line)).collect()
        };
        let (unistore, ours) = (take(&mut expected), take(&mut got));
        if ours == difference.tikv && ours != unistore {
            used.insert(at);
        } else {
            // As if there were no such difference.
            expected.extend(unistore);
            got.extend(ours);
        }
    }
    let only = |these: &[String], those: &[String], sign: char| {
        let only = these.iter().filter(|line| !those.contains(line));
        only.map(|line| format!("\n    {sign} {line}")).collect::<String>()
    };
    let text = only(&expected, &got, '-') + &only(&got, &expected, '+');
    if !text.is_empty() {
        wrong.push(format!("{case}, {}:{text}", told.label));
    } else if expected != got && differences.iter().all(|it| !it.is_of(case, &told.label)) {
        wrong.push(format!("{case}, {}: the order is another\n    {got:?}", told.label));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcripts(lines: &[&str]) -> Vec<Transcript> {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        let steps = vec![Step { label: "1 get".to_owned(), lines }];
        vec![Transcript { case: "a".to_owned(), steps }]
    }

    const DIFFERENCE: Difference = Difference {
        case: "a",
        step: "1 get",
        field: "error.locked",
        tikv: &["error.locked.ttl: 2"],
        reason: "",
    };

    #[test]
    fn equal_answers_are_equal_and_others_are_told_by_field() {
        let recorded = transcripts(&["value: 1", "found: true"]);
        assert_eq!(compare(&recorded, &recorded, &[]), [""; 0]);
        let told = transcripts(&["value: 2", "found: true"]);
        let wrong = compare(&recorded, &told, &[]);
        assert_eq!(wrong, ["a, 1 get:\n    - value: 1\n    + value: 2"]);
        assert!(compare(&recorded, &[], &[])[0].contains("no case"));
        assert!(compare(&[], &recorded, &[])[0].contains("not recorded"));
        let reversed = transcripts(&["found: true", "value: 1"]);
        assert!(compare(&recorded, &reversed, &[])[0].contains("order"));
    }

    #[test]
    fn a_difference_holds_for_its_field_and_value_alone() {
        let recorded = transcripts(&["error.locked.ttl: 1", "error.lockedness: 3"]);
        let told = transcripts(&["error.locked.ttl: 2", "error.lockedness: 3"]);
        assert_eq!(compare(&recorded, &told, &[DIFFERENCE]), [""; 0]);
        let other = transcripts(&["error.locked.ttl: 5", "error.lockedness: 3"]);
        assert_eq!(compare(&recorded, &other, &[DIFFERENCE]).len(), 2);
    }

    #[test]
    fn a_difference_that_is_gone_is_told() {
        let recorded = transcripts(&["error.locked.ttl: 2"]);
        let wrong = compare(&recorded, &recorded, &[DIFFERENCE]);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("not there"));
    }
}
