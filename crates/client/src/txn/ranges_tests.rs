use proptest::prelude::*;

use super::*;

fn covers(set: &RangeSet, key: &[u8]) -> bool {
    let before = set.ranges.range(..=key.to_vec()).next_back();
    before.is_some_and(|(_, last)| key <= last.as_slice())
}

fn texts(set: &RangeSet) -> Vec<(String, String)> {
    let text = |key: Vec<u8>| String::from_utf8(key).unwrap();
    set.iter().map(|range| (text(range.first), text(range.last))).collect()
}

fn pair(first: &str, last: &str) -> (String, String) {
    (first.to_owned(), last.to_owned())
}

#[test]
fn ranges_of_one_region_become_one() {
    let mut set = RangeSet::new(1 << 20);
    set.cover(b"c1", b"c3", (b"c", b"d"));
    set.cover(b"c7", b"c8", (b"c", b"d"));
    set.cover(b"a", b"a", (b"a", b"b"));
    set.cover(b"x", b"y", (b"x", b""));
    set.cover(b"z", b"zz", (b"x", b""));
    assert_eq!(texts(&set), [pair("a", "a"), pair("c1", "c8"), pair("x", "zz")]);
    // Overlapping ones too, whatever region they are of.
    set.cover(b"c5", b"x1", (b"e", b"e"));
    assert_eq!(texts(&set), [pair("a", "a"), pair("c1", "zz")]);
}

#[test]
fn the_nearest_are_joined_first() {
    // Two tables' keys, far more of them than are kept.
    let mut set = RangeSet::new(1 << 20);
    for at in 0..5_000_u32 {
        for table in [b"t1", b"t9"] {
            let key = [table.as_slice(), &at.to_be_bytes()].concat();
            set.cover(&key, &key, (&key, &key));
        }
    }
    assert!(set.ranges.len() <= MAX_RANGES);
    assert!(!covers(&set, b"t5"), "what lies between the tables is nobody's");
    for at in 0..5_000_u32 {
        assert!(covers(&set, &[b"t1".as_slice(), &at.to_be_bytes()].concat()));
    }
}

#[test]
fn long_keys_are_bounded_by_bytes() {
    let mut set = RangeSet::new(10_000);
    for at in 0..500_u32 {
        let key = [&at.to_be_bytes()[..], &[7; 1_000]].concat();
        set.cover(&key, &key, (&key, &key));
        assert!(set.bytes <= 12_100, "{}", set.bytes);
    }
    assert!(covers(&set, &[&300_u32.to_be_bytes()[..], &[7; 1_000]].concat()));
}

proptest! {
    #[test]
    fn whatever_was_put_in_is_covered(
        puts in prop::collection::vec((any::<u16>(), 0_u16..50, 0_u16..200), 1..700),
        max_bytes in 4_usize..3_000,
    ) {
        let mut set = RangeSet::new(max_bytes);
        for (start, len, home) in &puts {
            let first = start.to_be_bytes();
            let last = start.saturating_add(*len).to_be_bytes();
            let home = (start.saturating_sub(*home).to_be_bytes(), start.saturating_add(len + 1 + home).to_be_bytes());
            set.cover(&first, &last, (&home.0, &home.1));
        }
        for (start, len, _) in &puts {
            prop_assert!(covers(&set, &start.to_be_bytes()));
            prop_assert!(covers(&set, &start.saturating_add(*len).to_be_bytes()));
        }
        let ranges: Vec<Range> = set.iter().collect();
        prop_assert!(ranges.len() <= MAX_RANGES);
        for range in &ranges {
            prop_assert!(range.first <= range.last);
        }
        for two in ranges.windows(2) {
            prop_assert!(two[0].last < two[1].first);
        }
        let bytes: usize = ranges.iter().map(|range| range.first.len() + range.last.len()).sum();
        prop_assert_eq!(bytes, set.bytes);
    }
}
