//! At the prompt.

use crate::terminal::{END, INTERRUPT, Terminal, UP};

fn start(folder: &tempfile::TempDir, more: &[&str]) -> Terminal {
    let arguments = [&["--embedded"], more].concat();
    Terminal::start(&arguments, &folder.path().join("history"))
}

#[test]
fn a_statement_may_have_several_lines_and_comes_back_from_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = start(&folder, &[]);
    let greeting = terminal.prompt("test");
    assert!(greeting.contains("embedded cluster, in memory; its PD listens on 127.0.0.1:"));
    terminal.keys("SELECT 6 * 7\r");
    terminal.keys("  AS answer;\r");
    let screen = terminal.see("1 row in set");
    assert!(screen.contains("| answer |") && screen.contains("| 42     |"), "{screen}");
    terminal.prompt("test");
    terminal.keys(UP);
    terminal.see("  AS answer;");
    terminal.keys("\r");
    terminal.wait_count("1 row in set", 2);
    terminal.prompt("test");
    terminal.keys(END);
    assert_eq!(terminal.end(), 0);
    // Another shell remembers too.
    let mut terminal = start(&folder, &["-q"]);
    terminal.prompt("test");
    terminal.keys(UP);
    terminal.see("SELECT 6 * 7");
    terminal.keys("\r");
    terminal.see("| 42     |");
    assert!(!terminal.screen().contains("row in set"), "quiet is quiet");
}

#[test]
fn the_prompt_shows_the_database_and_commands_look_around_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = start(&folder, &[]);
    terminal.enter("test", "CREATE DATABASE shop;");
    terminal.enter("test", "USE Shop;");
    terminal.prompt("shop");
    terminal.enter("shop", "CREATE TABLE Orders (Id BIGINT PRIMARY KEY, total DECIMAL(10,2));");
    let screen = terminal.enter("shop", "\\d");
    assert!(screen.contains("Tables_in_shop") && screen.contains("| Orders "), "{screen}");
    let screen = terminal.enter("shop", "\\d orders");
    assert!(screen.contains("| Id ") && screen.contains("Decimal128(10, 2)"), "{screen}");
    let screen = terminal.enter("shop", "SHOW CREATE TABLE orders;");
    assert!(screen.contains("`total` decimal(10,2) DEFAULT NULL"), "{screen}");
    let screen = terminal.enter("shop", "INSERT INTO orders VALUES (1, 2.5), (2, NULL);");
    assert!(screen.contains("OK, "), "{screen}");
    terminal.enter("shop", "\\pset format csv");
    let screen = terminal.enter("shop", "SELECT * FROM orders ORDER BY id;");
    assert!(screen.contains("Id,total\n1,2.50\n2,\n2 rows in set"), "{screen}");
    terminal.enter("shop", "\\pset format vertical");
    let screen = terminal.enter("shop", "SELECT total FROM orders ORDER BY id;");
    assert!(screen.contains("2. row") && screen.contains("total: NULL"), "{screen}");
    terminal.enter("shop", "\\pset format table");
    terminal.enter("shop", "\\maxrows 1");
    terminal.enter("shop", "\\timing off");
    let screen = terminal.enter("shop", "SELECT id FROM orders;");
    assert!(screen.contains("… 1 more") && screen.contains("2 rows in set, 1 shown\n"), "{screen}");
    let screen = terminal.enter("shop", "\\nonsense");
    assert!(screen.contains("\\nonsense is no command"), "{screen}");
    let screen = terminal.enter("shop", "\\?");
    assert!(screen.contains("\\pset format FORMAT"), "{screen}");
    terminal.enter("shop", "USE datafusion.public;");
    terminal.prompt("public");
    terminal.keys("\\q\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn mistakes_are_marked_and_the_prompt_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = start(&folder, &[]);
    let screen = terminal.enter("test", "SELECT 1,,2;");
    let marked = "error (InvalidInput): sql parser error: Expected: an expression, found: ,\n  \
                  --> line 1, column 10\n  |\n1 | SELECT 1,,2\n  |          ^\n";
    assert!(screen.contains(marked), "{screen}");
    let screen = terminal.enter("test", "SELECT * FROM absent;");
    assert!(screen.contains("error (NotFound): there is no table absent"), "{screen}");
    assert!(screen.contains("1 | SELECT * FROM absent\n  |               ^^^^^^"), "{screen}");
    // What was typed before Ctrl-C is gone.
    terminal.keys("SELECT 'unfinished");
    terminal.see("'unfinished");
    terminal.keys(INTERRUPT);
    terminal.prompt("test");
    let screen = terminal.enter("test", "SELECT 'next' AS word;");
    assert!(screen.contains("| next |"), "{screen}");
    assert_eq!(screen.matches("error (").count(), 2, "{screen}");
    // One mistake leaves the statements behind it on the line undone.
    let screen = terminal.enter("test", "SELECT 5 AS five; SELECT nothing; SELECT 6 AS six;");
    assert!(screen.contains("| five |") && !screen.contains("| six |"), "{screen}");
}

#[test]
fn names_and_words_are_completed() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = start(&folder, &[]);
    terminal.enter("test", "CREATE TABLE customers (id BIGINT PRIMARY KEY);");
    terminal.enter("test", "SHOW TABLES;");
    terminal.keys("sel\t");
    terminal.see("tifusion:test> select");
    terminal.keys(" count(*) + 40 as n from cust\t");
    terminal.see("from customers");
    terminal.keys(";\r");
    terminal.see("| 40 |");
}
