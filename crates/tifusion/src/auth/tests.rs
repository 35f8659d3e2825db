use std::time::Instant;

use super::grant::{Account, Line, Scope, parse, roles};
use super::holder::Holder;
use super::*;
use crate::error::ErrorKind;

fn account() -> Account {
    Account::of("app@%").unwrap()
}

fn rights(lines: &[&str]) -> Rights {
    let holder = Holder::of(lines.iter().copied(), &account());
    Rights::new(account(), vec![holder], Instant::now())
}

fn allows(rights: &Rights, what: Privilege, database: &str, table: &str) -> bool {
    rights.allows(what.into(), database, table)
}

#[test]
fn lines_of_tidb_are_understood() {
    let line = |text: &str| parse(text, &account()).unwrap();
    let Line::Grant(all) = line("GRANT ALL PRIVILEGES ON *.* TO 'app'@'%' WITH GRANT OPTION")
    else {
        panic!()
    };
    assert_eq!((all.on, all.privileges), (Scope::Everything, PrivilegeSet::ANY));
    let some = "GRANT SELECT,CREATE TEMPORARY TABLES,LOCK TABLES ON `a``b.c`.* TO 'app'@'%'";
    let Line::Grant(some) = line(some) else { panic!() };
    assert_eq!(some.on, Scope::Database("a`b.c".to_owned()));
    let wanted = [Privilege::Select, Privilege::CreateTemporaryTables, Privilege::LockTables];
    assert_eq!(some.privileges, PrivilegeSet::of(&wanted));
    let columns = "GRANT SELECT(a, b c), UPDATE(d) ON `db`.`t` TO 'app'@'%'";
    let Line::Grant(columns) = line(columns) else { panic!() };
    assert!(columns.privileges.iter().next().is_none(), "{columns:?}");
    let named = [(Privilege::Select, "a"), (Privilege::Select, "b c"), (Privilege::Update, "d")];
    assert_eq!(columns.columns, named.map(|(what, name)| (what, name.to_owned())));
    let Line::Grant(bare) = line("GRANT INSERT ON shop.orders TO 'app'@'%'") else { panic!() };
    assert_eq!(bare.on, Scope::Table("shop".to_owned(), "orders".to_owned()));
    assert_eq!(line("GRANT 'reader'@'%', 'x y'@'10.%' TO 'app'@'%'"), Line::Roles);
    let Line::Grant(dynamic) =
        line("GRANT BACKUP_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* TO 'app'@'%'")
    else {
        panic!()
    };
    assert_eq!(dynamic.privileges, PrivilegeSet::NONE);
    let quoted = Account::of("it's@me@%").unwrap();
    assert_eq!(quoted.user, "it's@me");
    let grant = parse("GRANT USAGE ON *.* TO 'it's@me'@'%'", &quoted).unwrap();
    assert!(matches!(grant, Line::Grant(grant) if grant.privileges == PrivilegeSet::NONE));
}

#[test]
fn what_has_another_form_grants_nothing() {
    for line in [
        "",
        "SELECT ON *.* TO 'app'@'%'",
        "GRANT",
        "GRANT SELECT",
        "GRANT SELECT ON *.*",
        "GRANT SELECT ON *.* TO 'app'",
        "GRANT SELECT ON *.* TO 'other'@'%'",
        "GRANT SELECT ON *.* TO 'app'@'%' WITH MAGIC",
        "GRANT SELECT ON `db.* TO 'app'@'%'",
        "GRANT SELECT ON *.`t` TO 'app'@'%'",
        "GRANT SELECT(a ON `db`.`t` TO 'app'@'%'",
        "GRANT ,SELECT ON *.* TO 'app'@'%'",
        "GRANT SELECT INSERT ON *.* TO 'app'@'%'",
        "GRANT MAGIC_WAND ON `db`.* TO 'app'@'%'",
        "GRANT SELECT /* all */ ON *.* TO 'app'@'%'",
        "GRANT 'role'@'%' TO 'other'@'%'",
    ] {
        assert!(parse(line, &account()).is_err(), "{line}");
        let none = rights(&[line]);
        assert!(!allows(&none, Privilege::Select, "db", "t"), "{line}");
        assert!(!none.sees_database("db"), "{line}");
    }
    // The others count all the same.
    let one =
        rights(&["GRANT MAGIC ON `db`.* TO 'app'@'%'", "GRANT SELECT ON `db`.* TO 'app'@'%'"]);
    assert!(allows(&one, Privilege::Select, "db", "t"));
}

#[test]
fn a_word_within_a_name_is_no_privilege() {
    let rights = rights(&[
        "GRANT INSERT ON `SELECT ON *`.* TO 'app'@'%'",
        "GRANT INSERT ON `db`.`GRANT ALL PRIVILEGES ON *.*` TO 'app'@'%'",
        "GRANT INSERT(SELECT) ON `db`.`t` TO 'app'@'%'",
    ]);
    assert!(!allows(&rights, Privilege::Select, "db", "t"));
    assert!(allows(&rights, Privilege::Insert, "select on *", "any"));
    assert!(allows(&rights, Privilege::Insert, "db", "grant all privileges on *.*"));
}

#[test]
fn grants_hold_where_they_are_on() {
    let rights = rights(&[
        "GRANT USAGE ON *.* TO 'app'@'%'",
        r"GRANT SELECT ON `db\_%`.* TO 'app'@'%'",
        "GRANT UPDATE ON `Shop`.`Orders` TO 'app'@'%'",
    ]);
    assert!(allows(&rights, Privilege::Select, "DB_one", "t"));
    assert!(!allows(&rights, Privilege::Select, "dbone", "t"));
    assert!(!allows(&rights, Privilege::Insert, "db_one", "t"));
    assert!(allows(&rights, Privilege::Update, "shop", "ORDERS"));
    assert!(!allows(&rights, Privilege::Update, "shop", "order"));
    assert!(rights.sees_database("SHOP") && rights.sees_database("db_x"));
    assert!(!rights.sees_database("mysql"));
    assert!(rights.sees_table("shop", "orders") && !rights.sees_table("shop", "items"));
}

#[test]
fn of_several_patterns_the_first_decides_as_in_tidb() {
    let rights =
        rights(&["GRANT INSERT ON `ab`.* TO 'app'@'%'", "GRANT SELECT ON `a%`.* TO 'app'@'%'"]);
    assert!(allows(&rights, Privilege::Select, "ab", "t"));
    assert!(!allows(&rights, Privilege::Insert, "ab", "t"));
}

#[test]
fn what_a_role_has_counts_beside_what_the_user_has() {
    let own = ["GRANT SELECT ON `ab`.* TO 'app'@'%'"];
    let both = [own[0], "GRANT INSERT ON `a%`.* TO 'app'@'%'"];
    let own = Holder::of(own, &account());
    let role = Holder::of(both, &account()).beyond(&own);
    let rights = Rights::new(account(), vec![own, role], Instant::now());
    assert!(allows(&rights, Privilege::Select, "ab", "t"));
    assert!(allows(&rights, Privilege::Insert, "ab", "t"));
    assert!(!allows(&rights, Privilege::Select, "ax", "t"));
}

#[test]
fn grants_on_columns_count_where_tidb_goes_by_them() {
    let lines = ["GRANT SELECT(a, B), INSERT(c) ON `db`.`t` TO 'app'@'%'"];
    let select = |rights: &Rights, columns: &[&str]| {
        rights.check_columns(Privilege::Select, ("db", "T"), columns.iter().copied())
    };
    let without = rights(&lines);
    assert_eq!(without.some_read_column(), Some(("db", "t", "a")));
    let refused = select(&without, &["a"]).unwrap_err();
    assert!(
        matches!(refused.downcast_ref::<AccessDenied>(), Some(AccessDenied::Table { .. })),
        "{refused}"
    );
    assert!(!without.sees_table("db", "t") && without.sees_database("db"));
    let with = rights(&lines).by_column(true);
    select(&with, &["A", "b"]).unwrap();
    select(&with, &[]).unwrap();
    let refused = select(&with, &["a", "c"]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Security);
    assert_eq!(
        refused.to_string(),
        "SELECT command denied to user 'app'@'%' for column 'c' in table 'T' (code: 1143, database: db)"
    );
    assert!(with.check(Privilege::Select, "db", "t").is_err());
    assert!(with.sees_table("db", "t"));
    with.check_columns(Privilege::Insert, ("db", "t"), ["c"]).unwrap();
}

#[test]
fn what_was_revoked_of_a_grant_on_everything_is_not_granted() {
    let all = "GRANT SELECT,INSERT ON *.* TO 'app'@'%'";
    let cut = rights(&[all, "REVOKE SELECT ON `secret`.* FROM 'app'@'%'"]);
    assert!(allows(&cut, Privilege::Select, "db", "t"));
    assert!(!allows(&cut, Privilege::Select, "secret", "t"));
    assert!(allows(&cut, Privilege::Insert, "secret", "t"));
    // What can't be understood may take anything away.
    for line in
        ["REVOKE MAGIC ON `secret`.* FROM 'app'@'%'", "REVOKE SELECT ON `s`.`t` FROM 'app'@'%'"]
    {
        assert!(!allows(&rights(&[all, line]), Privilege::Select, "db", "t"), "{line}");
    }
}

#[test]
fn rights_are_the_same_whatever_the_order_of_the_lines() {
    let (one, other) = ("GRANT SELECT ON `a`.* TO 'app'@'%'", "GRANT INSERT ON `b`.* TO 'app'@'%'");
    assert!(rights(&[one, other]).is_same(&rights(&[other, one])));
    assert!(!rights(&[one, other]).is_same(&rights(&[one])));
}

#[test]
fn refusals_say_who_what_and_where() {
    let none = rights(&["GRANT USAGE ON *.* TO 'app'@'%'"]);
    let error = none.check(Privilege::Delete, "shop", "orders").unwrap_err();
    assert_eq!(
        error.to_string(),
        "DELETE command denied to user 'app'@'%' for table 'orders' (code: 1142, database: shop)"
    );
    let error = none.check_database("shop").unwrap_err();
    assert_eq!(error.downcast_ref::<AccessDenied>().unwrap().code(), 1044);
    let error = none.check_view_plan(Privilege::ShowView, "shop", "v").unwrap_err();
    assert!(error.to_string().contains("code: 1345"), "{error}");
}

#[test]
fn active_roles_are_named_between_backticks() {
    let named = |text: &str| {
        let roles = roles(text).unwrap();
        roles.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(named("NONE").is_empty() && named("").is_empty());
    assert_eq!(named("`r1`@`%`,`r 2`@`10.%`"), ["'r1'@'%'", "'r 2'@'10.%'"]);
    for wrong in ["r1", "`r1`", "`r1`@`%` and more", "`r1`@`%"] {
        assert!(roles(wrong).is_err(), "{wrong}");
    }
}
