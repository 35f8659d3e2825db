use super::*;

fn puts(keys: &[&str]) -> Vec<Mutation> {
    keys.iter().map(|key| Mutation::put(key.as_bytes().to_vec(), b"v".to_vec())).collect()
}

#[test]
fn few_keys_are_known_one_by_one() {
    let mut coverage = Coverage::new(4, 100);
    coverage.admit(&puts(&["a", "b"])).unwrap();
    assert_eq!(coverage.admit(&puts(&["c", "b"])), Err(b"b".to_vec()));
    coverage.admit(&puts(&["c", "d"])).unwrap();
    let rest = coverage.rest(b"a");
    assert_eq!(rest, Rest::Keys(vec![b"b".to_vec(), b"c".to_vec(), b"d".to_vec()]));
}

#[test]
fn many_keys_become_ranges_and_none_is_forgotten() {
    for (max_keys, max_bytes) in [(4, 100), (100, 4)] {
        let mut coverage = Coverage::new(max_keys, max_bytes);
        coverage.admit(&puts(&["a", "b", "m"])).unwrap();
        assert!(coverage.knows_keys());
        coverage.admit(&puts(&["x", "y"])).unwrap();
        assert!(!coverage.knows_keys());
        coverage.cover(b"x", b"y", (b"w", b""));
        let Rest::Ranges(ranges) = coverage.rest(b"a") else { panic!() };
        for key in [b"a", b"b", b"m", b"x", b"y"] {
            let is_in = |range: &Range| range.first[..] <= key[..] && key[..] <= range.last[..];
            assert!(ranges.iter().any(is_in), "{key:?}: {ranges:?}");
        }
        // Twice is not noticed any more.
        coverage.admit(&puts(&["a"])).unwrap();
    }
}

#[test]
fn checks_leave_nothing_to_finish() {
    let mut coverage = Coverage::new(4, 100);
    let mut check = puts(&["c"]);
    check[0].op = super::super::mutation::MutationOp::CheckNotExists;
    coverage.admit(&check).unwrap();
    assert_eq!(coverage.rest(b""), Rest::Keys(Vec::new()));
}
