use super::*;

fn call(rpc: Rpc) -> Call<'static> {
    Call { rpc, store: 1, region: 7, start: b"k", end: b"m" }
}

fn busy() -> Fault {
    Fault::new(Effect::RegionError(RegionErrorKind::ServerIsBusy))
}

/// On which of the first ten calls a rule fires.
fn pattern(faults: &Faults) -> Vec<usize> {
    (1..=10).filter(|_| !faults.judge(call(Rpc::Get)).is_empty()).collect()
}

#[test]
fn rules_fire_as_often_as_they_say() {
    for (when, expected) in [
        (When::Always, (1..=10).collect()),
        (When::Nth(3), vec![3]),
        (When::Every(4), vec![4, 8]),
        (When::Every(0), vec![]),
        (When::First(2), vec![1, 2]),
        (When::Probability(0.0), vec![]),
        (When::Probability(7.0), (1..=10).collect::<Vec<_>>()),
    ] {
        let faults = Faults::seeded(1);
        let id = faults.add(busy().when(when));
        assert_eq!(pattern(&faults), expected, "{when:?}");
        assert_eq!(faults.fired(id), u64::try_from(expected.len()).unwrap());
    }
}

#[test]
fn chance_repeats_with_its_seed() {
    let draw = |seed| {
        let faults = Faults::seeded(seed);
        faults.add(busy().when(When::Probability(0.5)));
        pattern(&faults)
    };
    assert_eq!(draw(1), draw(1));
    assert!((2..20).any(|seed| draw(seed) != draw(1)));
}

#[test]
fn rules_choose_their_calls() {
    let hits = |fault: Fault, call: Call<'_>| {
        let faults = Faults::default();
        faults.add(fault);
        !faults.judge(call).is_empty()
    };
    assert!(hits(busy(), call(Rpc::Get)));
    assert!(!hits(busy(), call(Rpc::PdTso)), "PD only when named");
    assert!(hits(busy().on([Rpc::PdTso]), call(Rpc::PdTso)));
    assert!(!hits(busy().on(Rpc::WRITES), call(Rpc::Get)));
    assert!(hits(busy().on(Rpc::WRITES).on(Rpc::READS), call(Rpc::Get)));
    assert!(hits(busy().at_store(1), call(Rpc::Get)));
    assert!(!hits(busy().at_store(2), call(Rpc::Get)));
    assert!(hits(busy().in_region(7), call(Rpc::Get)));
    assert!(!hits(busy().in_region(8), call(Rpc::Get)));
    for (start, end, expected) in
        [("a", "k", false), ("a", "l", true), ("l", "", true), ("m", "", false), ("", "", true)]
    {
        let fault = busy().for_keys(start.as_bytes(), end.as_bytes());
        assert_eq!(hits(fault, call(Rpc::Get)), expected, "{start}..{end}");
    }
}

#[test]
fn removed_rules_are_remembered_but_idle() {
    let faults = Faults::default();
    let first = faults.add(busy());
    let second = faults.add(Fault::new(Effect::DropAfter));
    assert_eq!(faults.judge(call(Rpc::Get)).len(), 2);
    faults.remove(first);
    faults.remove(first);
    assert!(matches!(faults.judge(call(Rpc::Get))[..], [Effect::DropAfter]));
    faults.clear();
    assert!(faults.judge(call(Rpc::Get)).is_empty());
    assert_eq!((faults.fired(first), faults.fired(second)), (1, 2));
    assert_eq!((faults.calls(Rpc::Get), faults.calls(Rpc::Scan)), (3, 0));
}

#[test]
fn calls_are_under_way_until_they_end() {
    let faults = Faults::default();
    let (first, second) = (faults.begin(Rpc::Get), faults.begin(Rpc::Get));
    assert_eq!((faults.under_way(Rpc::Get), faults.under_way(Rpc::Scan)), (2, 0));
    drop(first);
    assert_eq!(faults.under_way(Rpc::Get), 1);
    drop(second);
    assert_eq!(faults.under_way(Rpc::Get), 0);
}
