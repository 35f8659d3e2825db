//! How what a cluster answered compares with what was recorded.

use std::collections::BTreeSet;

use super::differences::Difference;
use super::transcript::{Step, Transcript};

/// All that is wrong with `told`, where `recorded` is what is right but for `differences`: a paragraph each.
pub(crate) fn compare(
    recorded: &[Transcript],
    told: &[Transcript],
    differences: &[Difference],
) -> Vec<String> {
    let mut comparison = Comparison { differences, used: BTreeSet::new(), wrong: Vec::new() };
    for transcript in told {
        match recorded.iter().find(|recorded| recorded.case == transcript.case) {
            Some(recorded) => comparison.compare_case(recorded, transcript),
            None => comparison.wrong.push(format!("{}: is not recorded", transcript.case)),
        }
    }
    let Comparison { used, mut wrong, .. } = comparison;
    for recorded in recorded.iter().filter(|it| !told.iter().any(|told| told.case == it.case)) {
        wrong.push(format!("{}: is recorded, but no case", recorded.case));
    }
    for (_, difference) in differences.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
        let Difference { case, step, .. } = difference;
        wrong.push(format!("{case}, {step}: the difference is not there (any more)"));
    }
    wrong
}

struct Comparison<'a> {
    differences: &'a [Difference],
    used: BTreeSet<usize>,
    wrong: Vec<String>,
}

impl Comparison<'_> {
    fn compare_case(&mut self, recorded: &Transcript, told: &Transcript) {
        let case = &told.case;
        for (at, step) in told.steps.iter().enumerate() {
            match recorded.steps.get(at) {
                Some(recorded) if recorded.label == step.label => {
                    self.compare_step(case, recorded, step);
                }
                other => {
                    let recorded = other.map(|step| step.label.as_str());
                    self.wrong.push(format!("{case}, {}: recorded is {recorded:?}", step.label));
                }
            }
        }
        if told.steps.len() < recorded.steps.len() {
            self.wrong.push(format!("{case}: only {} steps", told.steps.len()));
        }
    }

    fn compare_step(&mut self, case: &str, recorded: &Step, told: &Step) {
        let (mut expected, mut got) = (recorded.lines.clone(), told.lines.clone());
        let mut differs = false;
        for (at, difference) in self.differences.iter().enumerate() {
            if difference.case != case || difference.step != told.label {
                continue;
            }
            let Difference { unistore, tikv, .. } = difference;
            let holds =
                |lines: &[String], wanted: &[String]| wanted.iter().all(|it| lines.contains(it));
            if unistore != tikv && holds(&expected, unistore) && holds(&got, tikv) {
                expected.retain(|line| !unistore.contains(line));
                got.retain(|line| !tikv.contains(line));
                self.used.insert(at);
                differs = true;
            }
        }
        for (recorded, told) in expected.iter_mut().zip(&got) {
            if is_store_s_choice(recorded, told) {
                recorded.clone_from(told);
            }
        }
        let only = |these: &[String], those: &[String], sign: char| {
            let only = these.iter().filter(|line| !those.contains(line));
            only.map(|line| format!("\n{sign} {line}")).collect::<String>()
        };
        let text = only(&expected, &got, '-') + &only(&got, &expected, '+');
        if !text.is_empty() {
            self.wrong.push(format!("{case}, {}:{text}", told.label));
        } else if expected != got && !differs {
            self.wrong.push(format!("{case}, {}: the order is another\n{got:?}", told.label));
        }
    }
}

/// Whether both are a timestamp behind the same one. The least commit timestamp of an async commit is the store's choice:
/// unistore asks PD for a new one, TiKV takes the next behind all that it was read at.
fn is_store_s_choice(recorded: &str, told: &str) -> bool {
    let Some((path, timestamp)) = recorded.split_once(": after ") else { return false };
    let next = told.strip_prefix(&format!("{path}: {timestamp}+"));
    next.is_some_and(|distance| distance.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcripts(lines: &[&str]) -> Vec<Transcript> {
        let steps = vec![Step { label: "1 get".to_owned(), lines: owned(lines) }];
        vec![Transcript { case: "a".to_owned(), steps }]
    }

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    fn difference() -> Difference {
        Difference {
            case: "a".to_owned(),
            step: "1 get".to_owned(),
            unistore: owned(&["error.locked.ttl: 1"]),
            tikv: owned(&["error.locked.ttl: 2"]),
        }
    }

    #[test]
    fn equal_answers_are_equal_and_others_are_told_by_field() {
        let recorded = transcripts(&["value: 1", "found: true"]);
        assert_eq!(compare(&recorded, &recorded, &[]), [""; 0]);
        let told = transcripts(&["value: 2", "found: true"]);
        let wrong = compare(&recorded, &told, &[]);
        assert_eq!(wrong, ["a, 1 get:\n- value: 1\n+ value: 2"]);
        assert!(compare(&recorded, &[], &[])[0].contains("no case"));
        assert!(compare(&[], &recorded, &[])[0].contains("not recorded"));
        let reversed = transcripts(&["found: true", "value: 1"]);
        assert!(compare(&recorded, &reversed, &[])[0].contains("order"));
    }

    #[test]
    fn a_difference_holds_for_its_field_and_value_alone() {
        let recorded = transcripts(&["error.locked.ttl: 1", "value: 3"]);
        let told = transcripts(&["error.locked.ttl: 2", "value: 3"]);
        assert_eq!(compare(&recorded, &told, &[difference()]), [""; 0]);
        let other = transcripts(&["error.locked.ttl: 5", "value: 3"]);
        assert_eq!(compare(&recorded, &other, &[difference()]).len(), 2);
        let more = transcripts(&["error.locked.ttl: 2", "value: 4"]);
        assert_eq!(compare(&recorded, &more, &[difference()]).len(), 1);
    }

    #[test]
    fn a_timestamp_of_the_store_s_choice_is_any_behind_the_last() {
        let recorded = transcripts(&["min_commit_ts: after T2"]);
        assert_eq!(compare(&recorded, &transcripts(&["min_commit_ts: T2+1"]), &[]), [""; 0]);
        for other in ["min_commit_ts: T1+1", "min_commit_ts: T2", "commit_ts: T2+1"] {
            assert_eq!(compare(&recorded, &transcripts(&[other]), &[]).len(), 1, "{other}");
        }
    }

    #[test]
    fn a_difference_that_is_gone_is_told() {
        let recorded = transcripts(&["error.locked.ttl: 2"]);
        let wrong = compare(&recorded, &recorded, &[difference()]);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("not there"));
    }
}
