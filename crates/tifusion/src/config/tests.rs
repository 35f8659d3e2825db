use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::kind::Kind;
use super::*;
use crate::error::ErrorKind;

/// The keys of the config map of the design.
const DESIGN: &str = "\
    pd.addresses tidb.addr tidb.port tidb.user tidb.password sql.auth.enable \
    sql.auth.refresh_interval grpc.framesize grpc.timeout_in_sec plan.allow_agg_pushdown \
    plan.allow_index_read plan.unsupported_pushdown_exprs plan.downgrade.index_threshold \
    index.scan_batch_size index.scan_concurrency table.scan_concurrency \
    coprocessor.chunk_batch_size coprocessor.cache_size coprocess.codec_format \
    coprocess.streaming \
    request.command.priority request.isolation.level stale_read isolation_read_engines \
    allow_batch_cop \
    replica_read replica_read.label replica_read.address_whitelist \
    replica_read.address_blacklist show_rowid db_prefix new_collation_enable time_zone \
    catalog.cache_dir statement.timeout write.enable tikv.tls_enable \
    tikv.trust_cert_collection tikv.key_cert_chain tikv.key_file tikv.jks_enable \
    tikv.jks_trust_path tikv.jks_trust_password tikv.jks_key_path tikv.jks_key_password \
    jdbc.tls_enable jdbc.server_cert_store jdbc.server_cert_password jdbc.client_cert_store \
    jdbc.client_cert_password tikv.tls_reload_interval tikv.conn_recycle_time host_mapping \
    enable_grpc_forward gc_max_wait_time zero_date plan.dynamic_filter_wait plan.use_index_scan_first \
    write.mode write.allow_all_rows write.allow_auto_random_explicit_insert replica_read.stale \
    request.resource_group request.source slow_task.threshold read.mode tidb.max_connections \
    plan.distribute_min_rows";

fn from(pairs: &[(&str, &str)]) -> Result<Config> {
    let map: HashMap<_, _> =
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::from_map(&map)
}

fn refused(pairs: &[(&str, &str)]) -> (ErrorKind, String) {
    let error = from(pairs).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn the_table_has_the_keys_of_the_design_and_no_others() {
    let mut ours: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    let mut designed: Vec<_> = DESIGN.split_whitespace().collect();
    ours.sort_unstable();
    designed.sort_unstable();
    assert_eq!(ours, designed);
}

#[test]
fn every_default_has_the_form_of_its_key_and_every_key_a_sentence() {
    for key in KEYS {
        assert!(key.kind.parse(key.default).is_ok(), "{}: {}", key.name, key.default);
        assert!(key.doc.ends_with('.'), "{}", key.name);
    }
}

#[test]
fn the_defaults_are_the_designs() {
    let config = Config::default();
    let settings = config.settings();
    assert_eq!(settings.pd_addresses, ["127.0.0.1:2379"]);
    assert_eq!(settings.request_timeout, Duration::from_secs(10));
    assert_eq!(settings.max_message_size, 2_147_483_647);
    assert_eq!(settings.scan_concurrency, 512);
    assert_eq!((settings.index_batch_size, settings.index_concurrency), (20_000, 5));
    assert_eq!((settings.index_read, settings.downgrade_threshold), (true, 1_000_000_000));
    assert_eq!(settings.chunk_batch_size, 1024);
    assert_eq!(settings.cop_cache_size, 64 << 20);
    assert_eq!(settings.codec_format, CodecFormat::ChBlock);
    assert_eq!(settings.priority, Priority::Low);
    assert_eq!(settings.isolation, Isolation::Si);
    assert_eq!(settings.time_zone.as_str(), "UTC");
    assert_eq!(settings.statement_timeout, None);
    assert_eq!(settings.zero_date, ZeroDate::Null);
    assert_eq!(config.catalog(), "tidb");
    assert_eq!(config, from(&[]).unwrap());
}

/// A value for each available key that is not its default.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("slow_task.threshold", "250ms"),
    ("read.mode", "sql"),
    ("tidb.max_connections", "7"),
    ("tidb.addr", "tidb.example.com"),
    ("tidb.port", "4001"),
    ("tidb.user", "app"),
    ("tidb.password", "hunter2"),
    ("jdbc.tls_enable", "true"),
    ("jdbc.server_cert_store", "/etc/ca.pem"),
    ("jdbc.server_cert_password", "hunter2"),
    ("jdbc.client_cert_store", "/etc/client.pem"),
    ("jdbc.client_cert_password", "hunter2"),
    ("write.mode", "sql"),
    (name::PD_ADDRESSES, "pd:1"),
    (name::FRAME_SIZE, "2097152"),
    (name::REQUEST_TIMEOUT, "11"),
    (name::INDEX_READ, "false"),
    (name::INDEX_FIRST, "true"),
    (name::DISTRIBUTE_MIN_ROWS, "7"),
    (name::DOWNGRADE_THRESHOLD, "7"),
    (name::INDEX_BATCH_SIZE, "7"),
    (name::INDEX_CONCURRENCY, "7"),
    (name::SCAN_CONCURRENCY, "7"),
    (name::CHUNK_BATCH_SIZE, "7"),
    (name::CACHE_SIZE, "1_048_576"),
    (name::CODEC_FORMAT, "default"),
    (name::STREAMING, "true"),
    (name::PRIORITY, "high"),
    (name::ISOLATION, "rc"),
    (name::RESOURCE_GROUP, "analytics"),
    (name::REQUEST_SOURCE, "reports"),
    (name::STALE_READ, "1767225600000"),
    (name::REPLICA_READ, "follower,leader"),
    (name::REPLICA_LABEL, "zone=eu-1, disk=ssd"),
    (name::REPLICA_ALLOWED, "kv1:20160,kv2:20160"),
    (name::REPLICA_DENIED, "kv3:20160"),
    (name::REPLICA_STALE, "true"),
    (name::GC_MAX_WAIT, "1h"),
    (name::SHOW_ROWID, "TRUE"),
    (name::DB_PREFIX, "p_"),
    (name::COLLATION, "false"),
    (name::TIME_ZONE, "+05:30"),
    (name::CACHE_DIR, "/tmp/x"),
    (name::STATEMENT_TIMEOUT, "1m"),
    (name::TLS_ENABLE, "true"),
    (name::TRUST_CERTS, "ca.pem"),
    (name::KEY_CERT_CHAIN, "cert.pem"),
    (name::KEY_FILE, "key.pem"),
    (name::JKS_ENABLE, "true"),
    (name::JKS_TRUST, "trust.jks"),
    (name::JKS_TRUST_PASSWORD, "hunter2"),
    (name::JKS_KEY, "client.p12"),
    (name::JKS_KEY_PASSWORD, "hunter3"),
    (name::TLS_RELOAD, "1m"),
    (name::CONN_RECYCLE, "7s"),
    (name::HOST_MAPPING, "10.0.0.1:outside"),
    (name::FORWARDING, "true"),
    (name::ALLOW_AGGREGATES, "false"),
    (name::UNSUPPORTED_EXPRS, "like, <"),
    (name::DYNAMIC_FILTER_WAIT, "250ms"),
    (name::ENGINES, "tiflash"),
    (name::BATCH_COP, "2"),
    (name::AUTH_ENABLE, "true"),
    (name::AUTH_REFRESH, "3s"),
    (name::WRITE_ALL_ROWS, "true"),
    (name::WRITE_AUTO_RANDOM, "true"),
    (name::WRITE_ENABLE, "true"),
    (name::ZERO_DATE, "error"),
];

#[test]
fn every_available_key_changes_its_setting() {
    let default = Config::default();
    for key in KEYS {
        let other = OTHER_VALUES.iter().find(|(name, _)| *name == key.name);
        let (_, text) = other.unwrap_or_else(|| panic!("no other value for {}", key.name));
        let mut config = Config::default();
        config.set_once(key, text).unwrap();
        assert_ne!(config.settings(), default.settings(), "{}", key.name);
        let shown = config.get(key.name).unwrap().unwrap();
        let again = from(&[(key.name, &shown)]);
        let stands_alone = key.name != name::TLS_ENABLE
            && key.name != name::TIDB_ADDRESS
            && key.name != name::AUTH_ENABLE
            && key.name != name::READ_MODE
            && !key.name.starts_with("tikv.key");
        if key.kind == Kind::Secret {
            // It can't be read again.
            assert_eq!(shown, "[hidden]", "{}", key.name);
        } else if stands_alone {
            assert_eq!(again.unwrap().settings(), config.settings(), "{}", key.name);
        }
        config.put(key, Value::Unset);
        assert_eq!(config, default, "{}", key.name);
    }
}

#[test]
fn the_sql_port_is_one_host_and_one_user() {
    for host in ["tidb", "10.0.0.1", "::1", "[::1]", "tidb.example.com"] {
        from(&[("tidb.addr", host), ("tidb.user", "app")]).unwrap();
    }
    for host in ["tidb:4000", "a,b", "mysql://tidb", "app@tidb", "[]", "ti db"] {
        let (kind, said) = refused(&[("tidb.addr", host), ("tidb.user", "app")]);
        assert_eq!(kind, ErrorKind::InvalidInput, "{said}");
        assert!(said.contains("tidb.port"), "{said}");
    }
    let (_, said) = refused(&[("tidb.addr", "tidb")]);
    assert!(said.contains("tidb.user"), "{said}");
}

#[test]
fn privileges_are_those_of_a_user_of_some_tidb() {
    let (kind, said) = refused(&[("sql.auth.enable", "true")]);
    assert_eq!(kind, ErrorKind::InvalidInput, "{said}");
    assert!(said.contains("sql.auth.enable") && said.contains("tidb.addr"), "{said}");
    let enabled = [("sql.auth.enable", "true"), ("tidb.addr", "tidb"), ("tidb.user", "app")];
    let config = from(&enabled).unwrap();
    assert!(config.settings().auth_enable);
    assert_eq!(config.settings().auth_refresh_interval, Duration::from_secs(10));
}

#[test]
fn bad_values_are_refused_with_key_value_and_expected_form() {
    for (key, value, expected) in [
        ("grpc.timeout_in_sec", "soon", "a whole number from 1 to 86400"),
        ("grpc.timeout_in_sec", "0", "a whole number from 1 to 86400"),
        ("table.scan_concurrency", "-1", "a whole number"),
        ("coprocessor.cache_size", "64MB", "a whole number from 0"),
        ("pd.addresses", "pd", "host:port"),
        ("show_rowid", "yes", "true or false"),
        ("request.isolation.level", "serializable", "one of SI, RC"),
        ("coprocess.codec_format", "arrow", "one of default, chunk, chblock"),
        ("time_zone", "SYSTEM", "Asia/Kolkata"),
        ("statement.timeout", "soon", "a length of time"),
        ("stale_read", "yesterday", "a whole number from 1"),
        ("replica_read", "follower,any", "one or more of leader, follower, learner"),
        ("replica_read.label", "eu-1", "name=value"),
        ("isolation_read_engines", "tikv,mysql", "one or more of tikv, tiflash, tidb"),
        ("allow_batch_cop", "3", "from 0 to 2"),
        ("isolation_read_engines", "tidb", "nothing to read without tikv and tiflash"),
    ] {
        let (kind, message) = refused(&[(key, value)]);
        assert_eq!(kind, ErrorKind::InvalidInput);
        assert!(message.contains(key) && message.contains(value), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn engines_are_those_of_tidb() {
    for (words, tikv, tiflash) in [
        ("tikv,tiflash", true, true),
        ("tidb, TiFlash, TiKV", true, true),
        ("tiflash", false, true),
        ("tidb,tikv", true, false),
    ] {
        let engines = from(&[("isolation_read_engines", words)]).unwrap().settings().engines;
        assert_eq!((engines.tikv, engines.tiflash), (tikv, tiflash), "{words}");
    }
    assert_eq!(Config::default().settings().engines.to_string(), "tikv,tiflash");
    assert_eq!(Config::default().settings().batch_cop, BatchCop::Reductions);
    for number in 0..3 {
        assert_eq!(BatchCop::of_number(number).map(BatchCop::number).map(u64::from), Some(number));
    }
}

#[test]
fn one_key_in_two_spellings_must_have_one_value() {
    from(&[("pd.addresses", "pd:1"), ("spark.tispark.pd.addresses", "pd:1")]).unwrap();
    let (_, message) = refused(&[("pd.addresses", "pd:1"), ("spark.tispark.pd.addresses", "pd:2")]);
    assert!(message.contains("twice"), "{message}");
}

#[test]
fn a_catalog_has_one_name() {
    let config = from(&[
        ("spark.sql.catalog.tidb_catalog", "org.apache.spark.sql.catalyst.catalog.TiCatalog"),
        ("spark.sql.catalog.tidb_catalog.pd.addresses", "pd:1"),
    ]);
    let config = config.unwrap();
    assert_eq!(config.catalog(), "tidb_catalog");
    assert_eq!(config.settings().pd_addresses, ["pd:1"]);
    let two = [("spark.sql.catalog.a.pd.addresses", "x:1"), ("spark.sql.catalog.b", "y")];
    assert!(refused(&two).1.contains("one cluster"));
    assert!(refused(&[("spark.sql.catalog.datafusion", "x")]).1.contains("choose another"));
}

#[test]
fn tls_needs_the_authorities_and_both_halves_of_an_identity() {
    let ca = ("tikv.trust_cert_collection", "ca.pem");
    let on = ("tikv.tls_enable", "true");
    let config = from(&[on, ca]).unwrap();
    assert_eq!(config.settings().trust_certs, Some(PathBuf::from("ca.pem")));
    from(&[on, ca, ("tikv.key_cert_chain", "c"), ("tikv.key_file", "k")]).unwrap();
    assert!(refused(&[on]).1.contains("tikv.trust_cert_collection"));
    assert!(refused(&[on, ca, ("tikv.key_file", "k")]).1.contains("tikv.key_cert_chain"));
}

#[test]
fn stores_of_certificates_need_the_one_to_trust_and_keep_their_passwords_to_themselves() {
    let on = [("tikv.tls_enable", "true"), ("tikv.jks_enable", "true")];
    assert!(refused(&on).1.contains("tikv.jks_trust_path"));
    let config = from(&[
        on[0],
        on[1],
        ("tikv.jks_trust_path", "t"),
        ("tikv.jks_trust_password", "hunter2"),
        ("tikv.jks_key_path", "k"),
        ("tikv.jks_key_password", "hunter3"),
        ("tikv.tls_reload_interval", "1m"),
        ("tikv.conn_recycle_time", "5"),
    ]);
    let config = config.unwrap();
    let settings = config.settings();
    assert_eq!(settings.jks_trust_password, Secret::new("hunter2"));
    assert_eq!(settings.jks_key_password, Secret::new("hunter3"));
    assert_eq!(settings.tls_reload_interval.as_secs(), 60);
    assert_eq!(settings.conn_recycle_time.as_secs(), 5);
    let entries: Vec<_> = config.entries().collect();
    let shown = format!("{config:?} {settings:#?} {entries:?}");
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn an_entry_of_the_host_mapping_that_is_none_is_named() {
    let config = from(&[("host_mapping", "10.0.0.1:out")]).unwrap();
    assert_eq!(config.settings().host_mapping.map("10.0.0.1:1").as_deref(), Some("out:1"));
    assert_eq!(config.get("host_mapping").unwrap().as_deref(), Some("10.0.0.1:out"));
    let (_, message) = refused(&[("host_mapping", "10.0.0.1:out;10.0.0.2")]);
    assert!(
        message.contains("host_mapping") && message.contains("\"10.0.0.2\" is not"),
        "{message}"
    );
}

#[test]
fn a_session_changes_some_keys_and_not_others() {
    let mut config = Config::default();
    config.set_in_session("request.isolation.level", "RC").unwrap();
    assert_eq!(config.settings().isolation, Isolation::Rc);
    for key in ["pd.addresses", "addr", "tidb.addr", "catalog.cache_dir", "coprocessor.cache_size"]
    {
        let message = config.set_in_session(key, "x:1").unwrap_err().to_string();
        assert!(message.contains("fixed when connecting"), "{message}");
    }
    let message = config.set_in_session("isolation", "RC").unwrap_err().to_string();
    assert!(message.contains("did you mean"), "{message}");
    config.copy_in_session("request.isolation.level", &Config::default()).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn the_options_of_a_session_show_no_password() {
    use datafusion::config::ExtensionOptions as _;

    let mut config = Config::default();
    config.given.insert("tidb.password", Value::Secret(Secret::new("hunter2")));
    let options = TidbOptions::new(config);
    let entries = options.entries();
    assert_eq!(entries.len(), KEYS.len());
    let password = entries.iter().find(|entry| entry.key == "tidb.tidb.password").unwrap();
    assert_eq!(password.value.as_deref(), Some("[hidden]"));
    let shown: String = entries.iter().filter_map(|entry| entry.value.clone()).collect();
    assert!(!shown.contains("hunter2") && !format!("{options:?}").contains("hunter2"));
}

#[test]
fn a_clone_of_a_sessions_options_does_not_follow_it() {
    use datafusion::config::ExtensionOptions as _;

    let mut options = TidbOptions::default();
    let earlier = options.cloned();
    options.set("show_rowid", "true").unwrap();
    assert!(options.config().settings().show_rowid);
    let earlier = earlier.as_any().downcast_ref::<TidbOptions>().unwrap();
    assert!(!earlier.config().settings().show_rowid);
}

#[test]
fn reading_by_sql_needs_an_address() {
    let map = |more: &[(&str, &str)]| {
        let given = [("read.mode", "sql")].iter().chain(more);
        given.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let error = Config::from_map(&map(&[])).unwrap_err();
    assert!(error.to_string().contains("tidb.addr"), "{error}");
    let config = Config::from_map(&map(&[("tidb.addr", "tidb"), ("tidb.user", "app")])).unwrap();
    assert_eq!(config.settings().read_mode, ReadMode::Sql);
    assert_eq!(config.settings().tidb_connections, 64);
    assert_eq!(Config::default().settings().read_mode, ReadMode::Bypass);
}
