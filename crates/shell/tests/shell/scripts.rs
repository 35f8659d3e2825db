//! Without a terminal: arguments, files, standard input; formats and exit statuses.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, ServerTls, TlsVersions};

use crate::cluster::{pd, with_rows};

fn run_with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tifusion"))
        .args(arguments)
        .env("TIFUSION_HISTORY", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn run(arguments: &[&str]) -> Output {
    run_with_input(arguments, "")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The output of statements over an embedded cluster of their own, which must all end well.
fn shown(format: &str, sql: &str) -> String {
    let output = run(&["--embedded", "-q", "--format", format, "-c", sql]);
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(err(&output), "");
    out(&output)
}

#[test]
fn formats_are_what_other_programs_read() {
    let sql = "SELECT * FROM (VALUES (1, 'a,b'), (2, NULL)) AS t(id, \"full name\") ORDER BY id";
    assert_eq!(shown("csv", sql), "id,full name\n1,\"a,b\"\n2,\n");
    assert_eq!(shown("tsv", sql), "id\tfull name\n1\ta,b\n2\t\n");
    assert_eq!(shown("json", sql), "[{\"id\":1,\"full name\":\"a,b\"},{\"id\":2}]\n");
    assert_eq!(shown("nd-json", sql), "{\"id\":1,\"full name\":\"a,b\"}\n{\"id\":2}\n");
    let stars = "*".repeat(27);
    let blocks = format!(
        "{stars} 1. row {stars}\n       id: 1\nfull name: a,b\n\
         {stars} 2. row {stars}\n       id: 2\nfull name: NULL\n"
    );
    assert_eq!(shown("vertical", sql), blocks);
    let table = "+----+-----------+\n| id | full name |\n+----+-----------+\n| 1  | a,b       |\n\
                 | 2  | NULL      |\n+----+-----------+\n";
    assert_eq!(shown("table", sql), table);
}

#[test]
fn a_result_without_rows_is_not_without_form() {
    let sql = "SELECT 1 AS id WHERE false";
    assert_eq!(shown("csv", sql), "id\n");
    assert_eq!(shown("json", sql), "[]\n");
    assert_eq!(shown("nd-json", sql), "");
    assert_eq!(shown("table", sql), "+----+\n| id |\n+----+\n+----+\n");
    assert_eq!(shown("table", "USE mysql"), "");
}

#[test]
fn rows_of_a_script_are_not_cut_unless_asked() {
    let sql = "SELECT value FROM generate_series(1, 100)";
    assert_eq!(shown("table", sql).lines().count(), 104);
    let output = run(&["--embedded", "-q", "--maxrows", "2", "-c", sql]);
    assert!(out(&output).contains("… 98 more"), "{}", out(&output));
    let output = run(&["--embedded", "-q", "--maxrows", "2", "--format", "csv", "-c", sql]);
    assert_eq!(out(&output).lines().count(), 101, "a cut file would be a wrong one");
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    for format in ["csv", "nd-json", "json", "vertical", "table"] {
        let sql = "SELECT value, 'some text to fill the pipe' FROM generate_series(1, 300000)";
        let mut child = Command::new(env!("CARGO_BIN_EXE_tifusion"))
            .args(["--embedded", "-q", "--format", format, "-c", sql, "-c", "SELECT nothing"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn commands_and_files_run_in_their_order_and_end_at_the_first_failure() {
    let folder = tempfile::tempdir().unwrap();
    let script = file(folder.path(), "two.sql", "SELECT 'two';\n-- a comment;\nSELECT 'three'");
    let arguments = ["--embedded", "-q", "--format", "csv", "-c", "SELECT 'one'", "-f", &script];
    let output = run(&[&arguments[..], &["-c", "SELECT nothing", "-c", "SELECT 'five'"]].concat());
    let words: Vec<String> =
        out(&output).lines().filter(|line| !line.contains('(')).map(str::to_owned).collect();
    assert_eq!(words, ["one", "two", "three"], "{}", out(&output));
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("nothing"), "{}", err(&output));
}

#[test]
fn mistakes_in_a_file_are_told_with_its_name_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let script = file(folder.path(), "bad.sql", "SELECT 1;\n\nSELECT 2,\n  ,3;\nSELECT 4;");
    let output = run(&["--embedded", "-q", "-f", &script]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("--> {script}:4:3\n  |\n4 |   ,3\n  |   ^\n");
    assert!(err(&output).contains(&expected), "{}", err(&output));
    let missing = folder.path().join("absent.sql").display().to_string();
    let output = run(&["--embedded", "-q", "-f", &missing]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains(&format!("file: {missing}")), "{}", err(&output));
}

#[test]
fn standard_input_is_a_script() {
    let arguments = ["--embedded", "-q", "--format", "csv"];
    let output = run_with_input(&arguments, "SELECT 1 AS a;\nSELECT 2\nAS b");
    assert_eq!((out(&output).as_str(), output.status.code()), ("a\n1\nb\n2\n", Some(0)));
    let output = run_with_input(&arguments, "SELEC 1; SELECT 2");
    assert_eq!((out(&output).as_str(), output.status.code()), ("", Some(1)));
    assert_eq!(run_with_input(&arguments, " -- nothing\n").status.code(), Some(0));
}

#[test]
fn an_embedded_cluster_with_a_folder_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let made = run(&[
        "--embedded",
        &data,
        "-c",
        "CREATE DATABASE shop; CREATE TABLE shop.t (id BIGINT PRIMARY KEY, name VARCHAR(9));
         USE shop; INSERT INTO t VALUES (1, 'it''s; one'), (2, NULL);",
    ]);
    assert!(made.status.success(), "{}", err(&made));
    let told = format!("embedded cluster, kept in {data}; its PD listens on 127.0.0.1:");
    assert!(err(&made).starts_with(&told), "{}", err(&made));
    let sql = "SELECT id, name FROM t ORDER BY id";
    let read = run(&["--embedded", &data, "-q", "--db", "shop", "--format", "csv", "-c", sql]);
    assert_eq!(out(&read), "id,name\n1,it's; one\n2,\n", "{}", err(&read));
    let twice = "INSERT INTO shop.t VALUES (2, 'again')";
    let refused = run(&["--embedded", &data, "-q", "-c", twice]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("PRIMARY"), "{}", err(&refused));
}

#[test]
fn wrong_options_say_what_would_be_right() {
    let output = run(&["--embedded", "-q", "-o", "request.isolation.levl=RC", "-c", "SELECT 1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("did you mean \"request.isolation.level\"?"), "{}", err(&output));
    let output = run(&["--embedded", "-o", "time_zone"]);
    assert!(err(&output).contains("-o time_zone: expected KEY=VALUE"), "{}", err(&output));
    let output = run(&["--embedded", "--pd", "127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    let output = run(&["--embedded", "-o", "pd.addresses=127.0.0.1:1"]);
    assert!(err(&output).contains("two clusters"), "{}", err(&output));
    let output = run(&["--embedded", "-q", "--db", "nowhere", "-c", "SELECT 1"]);
    assert!(err(&output).contains("there is no database nowhere"), "{}", err(&output));
}

#[test]
fn options_come_from_the_file_and_the_command_line_goes_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        file(folder.path(), "c.toml", "time_zone = \"Asia/Kolkata\"\nzero_date = \"error\"\n");
    let sql = "SELECT value FROM information_schema.df_settings \
               WHERE name IN ('tidb.time_zone', 'tidb.zero_date') ORDER BY name";
    let arguments = ["--embedded", "-q", "--format", "csv", "--config", &config];
    let output = run(&[&arguments[..], &["-o", "time_zone=+01:00", "-c", sql]].concat());
    assert_eq!(out(&output), "value\n+01:00\nerror\n", "{}", err(&output));
}

#[test]
fn tables_join_files_of_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let visits = file(folder.path(), "visits.csv", "customer,page\n1,a\n1,b\n2,a\n");
    let copy = folder.path().join("copy.csv").display().to_string();
    let script = format!(
        "CREATE TABLE customers (id BIGINT PRIMARY KEY, name VARCHAR(20));
         INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
         CREATE EXTERNAL TABLE datafusion.public.visits STORED AS CSV LOCATION '{visits}'
           OPTIONS ('format.has_header' 'true');
         COPY (SELECT name, count(*) AS visits FROM customers
               JOIN datafusion.public.visits v ON v.customer = customers.id
               GROUP BY name ORDER BY name)
           TO '{copy}' STORED AS CSV;"
    );
    let output = run(&["--embedded", "-q", "-c", &script]);
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "name,visits\nAda,2\nBo,1\n");
    let output =
        run(&["--embedded", "-q", "-c", "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION 'y'"]);
    assert!(err(&output).contains("datafusion.public"), "{}", err(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_results_is_written_where_nobody_watches() {
    let cluster = with_rows().await;
    let delay = Fault::new(Effect::Delay(Duration::from_secs(2))).on([Rpc::Coprocessor]);
    cluster.faults().add(delay);
    let output = run(&["--pd", &pd(&cluster), "-c", "SELECT id FROM t WHERE id = 3"]);
    assert_eq!(out(&output), "+----+\n| id |\n+----+\n| 3  |\n+----+\n");
    assert_eq!(err(&output), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_tls_is_reached_though_two_providers_are_there() {
    let tls = Path::new("../embedded/tests/serving/tls");
    let text = |name: &str| std::fs::read_to_string(tls.join(name)).unwrap();
    let server = ServerTls {
        cert_chain: text("server.pem"),
        key: text("server.key"),
        client_ca: None,
        versions: TlsVersions::All,
    };
    let cluster = EmbeddedCluster::builder().tls(server).start().await.unwrap();
    cluster.execute("CREATE TABLE test.t (id BIGINT PRIMARY KEY)").await.unwrap();
    let ca = format!("tikv.trust_cert_collection={}", tls.join("ca.pem").display());
    let arguments = ["--pd", &pd(&cluster), "-o", "tikv.tls_enable=true", "-o", &ca];
    let output =
        run(&[&arguments[..], &["--format", "csv", "-c", "SELECT count(*) AS n FROM t"]].concat());
    assert_eq!(out(&output), "n\n0\n", "{}", err(&output));
}
