use super::*;

/// The pairs of a bootstrap by what their keys say.
fn by_name(bootstrap: &mut Bootstrap) -> BTreeMap<String, String> {
    let shown = |(key, value): (Vec<u8>, Vec<u8>)| {
        (display_key(&key), String::from_utf8_lossy(&value).into_owned())
    };
    bootstrap.take_pairs().into_iter().map(shown).collect()
}

#[test]
fn a_new_cluster_says_how_it_is_configured() {
    let mut bootstrap = Bootstrap::new(options(1, false)).unwrap();
    let tidb = bootstrap.table("MySQL", "TiDB").unwrap().clone();
    let pairs = bootstrap.take_pairs();
    let (start, end) = table_range(tidb.id);
    let rows: Vec<_> = pairs.iter().filter(|(key, _)| start <= *key && *key < end).collect();
    // A row and an entry of the primary key each.
    assert_eq!(rows.len(), 8);
    let has = |text: &str| rows.iter().any(|(_, v)| v.escape_ascii().to_string().contains(text));
    assert!(has("new_collation_enabledFalse"));
    assert!(has("system_tzUTC"));
}

#[test]
fn versions_diffs_and_ids_go_up() {
    let mut bootstrap = new_bootstrap();
    let _ = bootstrap.take_pairs();
    bootstrap.execute("CREATE TABLE t (a INT) PARTITION BY HASH (a) PARTITIONS 2").unwrap();
    let pairs = by_name(&mut bootstrap);
    let names: Vec<_> = pairs.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["mDB:4:Table:5", "mDiff:5", "mNextGlobalID", "mSchemaVersionKey"],
        "{pairs:?}"
    );
    assert_eq!(pairs["mNextGlobalID"], "7");
    assert_eq!(pairs["mSchemaVersionKey"], "5");
    let want = r#"{"version":5,"type":3,"schema_id":4,"table_id":5,"old_table_id":0,"old_schema_id":0,"regenerate_schema_map":false,"affected_options":null}"#;
    assert_eq!(pairs["mDiff:5"], want);
    assert_eq!(bootstrap.table("d", "T").unwrap().physical_ids(), [6, 7]);
    assert_eq!(bootstrap.tables("d").count(), 1);
}

#[test]
fn a_store_s_metadata_is_taken_up_again() {
    let mut bootstrap = new_bootstrap();
    bootstrap.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2)").unwrap();
    let meta = bootstrap.take_pairs().into_iter().filter(|(key, _)| key[0] == b'm');
    let mut again = Bootstrap::open(options(2, true), meta).unwrap();
    assert_eq!(again.table("d", "t"), bootstrap.table("d", "t"));
    let statements = "USE d; INSERT INTO t VALUES (3); CREATE TABLE u (a INT)";
    again.execute(statements).unwrap();
    bootstrap.execute("INSERT INTO t VALUES (3)").unwrap();
    let row = |pairs: Vec<Pair>| pairs.into_iter().find(|(key, _)| key[0] == b't').unwrap();
    let pairs = again.take_pairs();
    assert_eq!(row(pairs), row(bootstrap.take_pairs()));
    assert_eq!(again.table("d", "u").unwrap().id, bootstrap.table("d", "t").unwrap().id + 1);
    assert!(Bootstrap::open(options(2, true), [(b"mx".to_vec(), Vec::new())]).is_err());
}

#[test]
fn ids_are_handed_out_and_noted() {
    let mut bootstrap = new_bootstrap();
    bootstrap
        .execute(
            "CREATE TABLE inc (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT) AUTO_INCREMENT = 10;
            INSERT INTO inc (v) VALUES (1), (2);
            INSERT INTO inc VALUES (50, 3), (NULL, 4), (0, 5);
            CREATE TABLE own (id INT AUTO_INCREMENT, v INT, KEY (id)) AUTO_ID_CACHE 1;
            INSERT INTO own (v) VALUES (1), (2);
            CREATE TABLE rnd (id BIGINT PRIMARY KEY AUTO_RANDOM, v INT);
            INSERT INTO rnd (v) VALUES (1), (2), (3);
            CREATE TABLE shard (v INT) SHARD_ROW_ID_BITS = 4;
            INSERT INTO shard VALUES (1), (2)",
        )
        .unwrap();
    let id = |name: &str| bootstrap.table("d", name).unwrap().id;
    let (inc, own, rnd, shard) = (id("inc"), id("own"), id("rnd"), id("shard"));
    let pairs = by_name(&mut bootstrap);
    let noted = |kind: &str, table: i64| pairs.get(&format!("mDB:4:{kind}:{table}")).cloned();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(noted("TID", inc), some("52"));
    assert_eq!((noted("TID", own), noted("IID", own)), (some("2"), some("2")));
    assert_eq!((noted("TID", rnd), noted("TARID", rnd)), (None, some("3")));
    assert_eq!(noted("TID", shard), some("2"));
    for handle in [10, 11, 50, 51, 52] {
        let key = display_key(&tifusion_codec::key::encode_record_key(
            inc,
            &tifusion_codec::key::Handle::Int(handle),
        ));
        assert!(pairs.contains_key(&key), "{key}");
    }
}

#[test]
fn comments_of_tidb_count() {
    let mut bootstrap = new_bootstrap();
    bootstrap
        .execute(
            "/* made by hand */ CREATE TABLE `a/*!b*/` ( -- a comment
              id BIGINT /*T![auto_rand] AUTO_RANDOM(4) */ COMMENT '/*! kept */',
              PRIMARY KEY (id) /*T![clustered_index] CLUSTERED */
            ) /*!40101 DEFAULT CHARSET=utf8mb4 */ /*T! PRE_SPLIT_REGIONS=3 */;",
        )
        .unwrap();
    let table = bootstrap.table("d", "a/*!b*/").unwrap();
    assert_eq!((table.auto_random_bits, table.pre_split_regions), (4, 3));
    assert_eq!(table.columns[0].comment, "/*! kept */");
    let error = bootstrap.execute("CREATE TABLE t (a INT) /*T![ttl] TTL = `a` + INTERVAL 1 DAY */");
    assert!(error.unwrap_err().to_string().contains("ttl"));
}

#[test]
fn databases_give_tables_their_character_set() {
    let mut bootstrap = new_bootstrap();
    bootstrap
        .execute(
            "CREATE DATABASE IF NOT EXISTS d;
            CREATE SCHEMA e DEFAULT CHARACTER SET utf8 COLLATE = utf8_general_ci;
            CREATE TABLE e.t (a VARCHAR(3), b VARCHAR(3) CHARACTER SET utf8mb4);
            CREATE TABLE IF NOT EXISTS e.t (a INT)",
        )
        .unwrap();
    let table = bootstrap.table("e", "t").unwrap();
    let collate = |at: usize| table.columns[at].field_type.collate.as_str();
    assert_eq!(
        (table.collate.as_str(), collate(0), collate(1)),
        ("utf8_general_ci", "utf8_general_ci", "utf8mb4_bin")
    );
}

#[test]
fn a_refused_row_leaves_nothing_of_its_statement() {
    let mut bootstrap = new_bootstrap();
    bootstrap.execute("CREATE TABLE t (a INT PRIMARY KEY, b INT, UNIQUE KEY ub (b))").unwrap();
    let _ = bootstrap.take_pairs();
    for (statement, reason) in [
        ("INSERT INTO t VALUES (1, 1), (2, 300000000000)", "out of range|does not fit"),
        ("INSERT INTO t VALUES (1, 1), (1, 2)", "PRIMARY"),
        ("INSERT INTO t VALUES (1, 1), (2, 1)", "ub"),
        ("INSERT INTO t VALUES (1, 1), (NULL, 2)", "NULL"),
    ] {
        let error = bootstrap.execute(statement).unwrap_err().to_string();
        assert!(reason.split('|').any(|reason| error.contains(reason)), "{error}");
        assert!(bootstrap.take_pairs().is_empty(), "{statement}");
    }
    bootstrap.execute("INSERT INTO t VALUES (1, 1)").unwrap();
    assert!(bootstrap.execute("INSERT INTO t VALUES (1, 2)").is_err());
    assert!(bootstrap.execute("INSERT INTO t VALUES (2, 1)").is_err());
    bootstrap.execute("INSERT INTO t VALUES (2, NULL), (3, NULL)").unwrap();
}

#[test]
fn regions_are_split_where_row_ids_are_scattered() {
    let mut bootstrap = new_bootstrap();
    bootstrap
        .execute(
            "CREATE TABLE s (a INT) SHARD_ROW_ID_BITS = 4 PRE_SPLIT_REGIONS = 2;
            CREATE TABLE p (a INT) PARTITION BY HASH (a) PARTITIONS 2",
        )
        .unwrap();
    let id = bootstrap.table("d", "s").unwrap().id;
    let record = |handle| {
        tifusion_codec::key::encode_record_key(id, &tifusion_codec::key::Handle::Int(handle))
    };
    let want =
        [tifusion_codec::key::table_prefix(id), record(4 << 59), record(8 << 59), record(12 << 59)];
    assert_eq!(bootstrap.split_keys("d", "s").unwrap(), want);
    let partitions = bootstrap.table("d", "p").unwrap().physical_ids();
    let want: Vec<_> = partitions.into_iter().map(tifusion_codec::key::table_prefix).collect();
    assert_eq!(bootstrap.split_keys("d", "p").unwrap(), want);
    assert!(bootstrap.split_keys("d", "q").is_err());
}

/// Tables of a store may have what statements here can't declare.
#[test]
fn rows_of_a_table_with_conditions_are_refused_by_name() {
    let mut bootstrap = new_bootstrap();
    bootstrap.execute("CREATE TABLE t (a INT PRIMARY KEY)").unwrap();
    let meta: Vec<_> =
        bootstrap.take_pairs().into_iter().filter(|(key, _)| key[0] == b'm').collect();
    for (member, named) in [
        (r#""fk_info":[{"id":1,"fk_name":{"O":"f","L":"f"},"state":5}]"#, "foreign keys"),
        (r#""constraint_info":[{"id":1,"constraint_name":{"O":"c","L":"c"},"state":5}]"#, "checks"),
    ] {
        let (key, _) = member.split_once(':').unwrap();
        let with_member = |value: &[u8]| {
            let text = String::from_utf8(value.to_vec()).unwrap();
            text.replace(&format!("{key}:null"), member).into_bytes()
        };
        let meta = meta.iter().map(|(key, value)| (key.clone(), with_member(value)));
        let mut again = Bootstrap::open(options(1, true), meta).unwrap();
        let error = again.execute("INSERT INTO d.t VALUES (1)").unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn the_tables_of_tpc_h_are_made() {
    let mut bootstrap = new_bootstrap();
    bootstrap.execute(include_str!("../../../../../tests/tpch/schema.sql")).unwrap();
    assert_eq!(bootstrap.tables("d").count(), 8);
}
