use proptest::prelude::*;

use super::*;

/// A statement that TiDB took, with a few of its words taken out, repeated or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let statements: Vec<String> = recorded(TIDB)
        .into_iter()
        .flat_map(|table| table.statements)
        .filter(|statement| statement.len() < 2000)
        .collect();
    let words =
        ["(", ")", ",", "'", "`", "/*", "/*T!", "*/", "-", "''", "NULL", "0", "99999999999"];
    let word = prop::sample::select(words.to_vec());
    let change = (any::<prop::sample::Index>(), 0..4_u8, word);
    let changes = prop::collection::vec(change, 1..4);
    (prop::sample::select(statements), changes).prop_map(|(statement, changes)| {
        let spaced = statement.replace('(', " ( ").replace(')', " ) ").replace(',', " , ");
        let mut words: Vec<&str> = spaced.split_ascii_whitespace().collect();
        for (at, kind, word) in &changes {
            if words.is_empty() {
                break;
            }
            let at = at.index(words.len());
            match kind {
                0 => drop(words.remove(at)),
                1 => words.insert(at, words[at]),
                2 => words[at] = word,
                _ => words.truncate(at),
            }
        }
        words.join(" ")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Either it is refused with nothing left behind, or what it made can be read again.
    #[test]
    fn a_mutated_statement_is_taken_whole_or_refused(statement in mutated()) {
        let mut bootstrap = new_bootstrap();
        let _ = bootstrap.take_pairs();
        match bootstrap.execute(&statement) {
            Err(_) => prop_assert!(bootstrap.take_pairs().is_empty(), "{}", statement),
            Ok(()) => {
                for table in bootstrap.tables("d") {
                    let json = json::table(table);
                    let read = TableInfo::from_json(json.as_bytes()).unwrap();
                    prop_assert_eq!(&read, table, "{}", statement);
                    prop_assert!(read.check_writable().is_ok());
                }
            }
        }
    }
}
