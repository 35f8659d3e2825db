use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn range(start: &str, end: &str) -> KeyRange {
    KeyRange::new(start.to_owned(), end.to_owned())
}

fn ranges(text: &[(&str, &str)]) -> Vec<KeyRange> {
    text.iter().map(|(start, end)| range(start, end)).collect()
}

#[test]
fn sorted_and_disjoint_ranges_are_accepted() {
    check_sorted(&[]).unwrap();
    check_sorted(&ranges(&[("a", "b"), ("b", "c"), ("d", "")])).unwrap();
}

#[test]
fn ranges_out_of_place_are_refused_by_number() {
    for (text, number, what) in [
        (vec![("b", "b")], "range 0", "empty"),
        (vec![("c", "b")], "range 0", "empty"),
        (vec![("a", "c"), ("b", "d")], "range 1", "before"),
        (vec![("c", "d"), ("a", "b")], "range 1", "before"),
        (vec![("a", ""), ("b", "c")], "range 1", "before"),
        (vec![("a", "b"), ("b", "c"), ("b", "d")], "range 2", "before"),
    ] {
        let error = check_sorted(&ranges(&text)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(number) && error.to_string().contains(what), "{error}");
    }
}

#[test]
fn what_is_left_after_a_page() {
    let asked = ranges(&[("a", "c"), ("e", "g"), ("i", "")]);
    let left = |start: &str, end: &str, desc| remaining(&asked, &range(start, end), desc).unwrap();
    assert_eq!(left("a", "b", false), ranges(&[("b", "c"), ("e", "g"), ("i", "")]));
    assert_eq!(left("a", "c", false), ranges(&[("e", "g"), ("i", "")]));
    assert_eq!(left("a", "d", false), ranges(&[("e", "g"), ("i", "")]));
    assert_eq!(left("a", "k", false), ranges(&[("k", "")]));
    assert_eq!(left("a", "", false), []);
    assert_eq!(left("k", "", true), ranges(&[("a", "c"), ("e", "g"), ("i", "k")]));
    assert_eq!(left("h", "", true), ranges(&[("a", "c"), ("e", "g")]));
    assert_eq!(left("f", "", true), ranges(&[("a", "c"), ("e", "f")]));
    assert_eq!(left("", "", true), []);
    assert_eq!(left("a", "", true), []);
}

#[test]
fn a_page_that_covers_nothing_is_an_error_not_a_loop() {
    let asked = ranges(&[("b", "c")]);
    for (start, end, desc) in [("a", "b", false), ("a", "a", false), ("c", "", true)] {
        let error = remaining(&asked, &range(start, end), desc).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}

#[test]
fn halves_of_a_list_and_of_a_range() {
    let (left, right) = halves(&ranges(&[("a", "b"), ("c", "d"), ("e", "f")])).unwrap();
    assert_eq!(left, ranges(&[("a", "b")]));
    assert_eq!(right, ranges(&[("c", "d"), ("e", "f")]));
    for (start, end) in [("a", "b"), ("ab", "ac"), ("a", ""), ("", ""), ("tab", "tab\u{1}")] {
        let (left, right) = halves(&[range(start, end)]).unwrap();
        assert_eq!((left.len(), right.len()), (1, 1));
        assert_eq!(left[0].start, start);
        assert_eq!(right[0].end, end);
        assert_eq!(left[0].end, right[0].start);
        check_sorted(&[left, right].concat()).unwrap();
    }
    // One key.
    assert_eq!(halves(&[range("a", "a\0")]), None);
    assert_eq!(halves(&[]), None);
}

/// Sorted, disjoint ranges over short keys; the last one may be unbounded.
pub(crate) fn any_ranges() -> impl Strategy<Value = Vec<KeyRange>> {
    let key = proptest::collection::vec(0_u8..4, 1..4);
    (proptest::collection::btree_set(key, 0..24), any::<bool>(), any::<u64>()).prop_map(
        |(keys, unbounded, gaps)| {
            let keys: Vec<Vec<u8>> = keys.into_iter().collect();
            let mut ranges: Vec<KeyRange> = keys
                .windows(2)
                .enumerate()
                .filter(|(index, _)| gaps >> (index % 64) & 1 == 0)
                .map(|(_, pair)| KeyRange::new(pair[0].clone(), pair[1].clone()))
                .collect();
            if unbounded && let Some(last) = ranges.last_mut() {
                last.end = Bytes::new();
            }
            ranges
        },
    )
}

/// All keys of up to three bytes below 4.
pub(crate) fn all_keys() -> Vec<Vec<u8>> {
    let mut keys = vec![vec![]];
    for len in 1..=3_u32 {
        for n in 0..4_u32.pow(len) {
            keys.push((0..len).rev().map(|at| u8::try_from(n >> (2 * at) & 3).unwrap()).collect());
        }
    }
    keys
}

pub(crate) fn keys_in(ranges: &[KeyRange]) -> BTreeSet<Vec<u8>> {
    let inside = |key: &Vec<u8>| {
        ranges.iter().any(|range| range.start <= *key && (range.end.is_empty() || *key < range.end))
    };
    all_keys().into_iter().filter(inside).collect()
}

proptest! {
    #[test]
    fn taking_from_either_end_splits_without_loss(
        ranges in any_ranges(),
        at in proptest::collection::vec(0_u8..4, 0..4),
    ) {
        let at = Bytes::from(at);
        let mut rest: VecDeque<_> = ranges.clone().into();
        let below = take_below(&mut rest, &at);
        let above: Vec<_> = rest.into();
        check_sorted(&[below.clone(), above.clone()].concat()).unwrap();
        let unbounded = at.is_empty();
        prop_assert!(keys_in(&below).iter().all(|key| unbounded || *key < at));
        prop_assert!(keys_in(&above).iter().all(|key| !unbounded && *key >= at));
        let union: BTreeSet<_> = keys_in(&below).union(&keys_in(&above)).cloned().collect();
        prop_assert_eq!(union, keys_in(&ranges));

        let mut rest: VecDeque<_> = ranges.clone().into();
        let from = take_from(&mut rest, &at);
        let rest: Vec<_> = rest.into();
        check_sorted(&[rest.clone(), from.clone()].concat()).unwrap();
        prop_assert!(keys_in(&rest).iter().all(|key| *key < at));
        prop_assert!(keys_in(&from).iter().all(|key| *key >= at));
        let union: BTreeSet<_> = keys_in(&rest).union(&keys_in(&from)).cloned().collect();
        prop_assert_eq!(union, keys_in(&ranges));
    }

    #[test]
    fn a_page_and_what_is_left_make_the_whole(
        ranges in any_ranges(),
        at in proptest::collection::vec(0_u8..4, 1..4),
        desc in any::<bool>(),
    ) {
        let done = if desc {
            KeyRange::new(at.clone(), vec![])
        } else {
            KeyRange::new(vec![], at.clone())
        };
        let is_done = |key: &Vec<u8>| if desc { *key >= at } else { *key < at };
        match remaining(&ranges, &done, desc) {
            Ok(left) => {
                check_sorted(&left).unwrap();
                let expected: BTreeSet<_> =
                    keys_in(&ranges).into_iter().filter(|key| !is_done(key)).collect();
                prop_assert_eq!(keys_in(&left), expected);
                prop_assert_ne!(left, ranges);
            }
            Err(_) => {
                prop_assert!(!keys_in(&ranges).iter().any(is_done));
            }
        }
    }

    #[test]
    fn halves_make_the_whole(ranges in any_ranges()) {
        if let Some((left, right)) = halves(&ranges) {
            prop_assert!(!left.is_empty() && !right.is_empty());
            check_sorted(&[left.clone(), right.clone()].concat()).unwrap();
            let union: BTreeSet<_> = keys_in(&left).union(&keys_in(&right)).cloned().collect();
            prop_assert_eq!(union, keys_in(&ranges));
        } else {
            prop_assert!(ranges.len() <= 1);
        }
    }
}
