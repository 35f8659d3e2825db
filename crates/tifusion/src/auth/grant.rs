//! A line of `SHOW GRANTS`, parsed.
//!
//! TiDB writes privileges in upper case with commas between them, names of databases and tables between backticks
//! (versions before 2022: bare), names of columns bare in parentheses, and the grantee at the end between single
//! quotes, as it is: a quote in it is not escaped. What does not have this form is no grant.

use std::fmt;

use super::privilege::{Privilege, PrivilegeSet};

/// Whose grants are read: the user and host of the account, as `CURRENT_USER()` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) host: String,
}

impl Account {
    /// The account in `user@host`.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (user, host) = text.rsplit_once('@')?;
        Some(Self { user: user.to_owned(), host: host.to_owned() })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'@'{}'", self.user, self.host)
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// `GRANT … ON …`
    Grant(Grant),
    /// `REVOKE … ON …`, by which MySQL takes a part of a grant on everything away.
    Revoke(Grant),
    /// `GRANT role TO …`: what the role has is in other lines where it is active.
    Roles,
}

/// Privileges on something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) on: Scope,
    /// Those on all of it, `GRANT OPTION` among them.
    pub(super) privileges: PrivilegeSet,
    /// Those on columns alone.
    pub(super) columns: Vec<(Privilege, String)>,
}

/// What privileges are on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// `*.*`
    Everything,
    /// `database.*`; the name is a pattern.
    Database(String),
    /// `database.table`
    Table(String, String),
}

/// Why a line is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is missing before {rest:?}")]
pub(super) struct NoGrant {
    wanted: &'static str,
    rest: String,
}

/// What `line` says of `account`.
///
/// # Errors
/// When it has another form than TiDB's.
pub(super) fn parse(line: &str, account: &Account) -> Result<Line, NoGrant> {
    let mut scanner = Scanner { rest: line.trim() };
    let is_grant = scanner.word("GRANT");
    if !is_grant && !scanner.word("REVOKE") {
        return Err(scanner.missing("GRANT"));
    }
    if is_grant && scanner.rest.starts_with(['\'', '`', '"']) {
        let end = format!(" TO {account}");
        return match scanner.rest.strip_suffix(&end) {
            Some(_) => Ok(Line::Roles),
            None => Err(scanner.missing("TO and the user")),
        };
    }
    let items = items(&mut scanner)?;
    let on = scope(&mut scanner)?;
    let direction = if is_grant { "TO" } else { "FROM" };
    if !scanner.word(direction) {
        return Err(scanner.missing("TO"));
    }
    let grantee = account.to_string();
    let Some(options) = scanner.rest.strip_prefix(&grantee) else {
        return Err(scanner.missing("the user"));
    };
    let mut grant = granted(items, on)?;
    match options.trim() {
        "" => {}
        option if option.eq_ignore_ascii_case("WITH GRANT OPTION") => {
            grant.privileges.add(Privilege::GrantOption.into());
        }
        _ => return Err(Scanner { rest: options }.missing("WITH GRANT OPTION")),
    }
    Ok(if is_grant { Line::Grant(grant) } else { Line::Revoke(grant) })
}

/// A privilege's name, and the columns behind it.
struct Item<'a> {
    name: String,
    columns: Option<Vec<&'a str>>,
}

/// The privileges in front of `ON`, which is taken too.
fn items<'a>(scanner: &mut Scanner<'a>) -> Result<Vec<Item<'a>>, NoGrant> {
    let mut items = Vec::new();
    loop {
        let mut words: Vec<&str> = Vec::new();
        let mut columns = None;
        let is_last = loop {
            if columns.is_none() && scanner.sign('(') {
                columns = Some(scanner.columns()?);
            } else if scanner.sign(',') {
                break false;
            } else if !words.is_empty() && scanner.word("ON") {
                break true;
            } else {
                let word = scanner.any_word().filter(|_| columns.is_none());
                words.push(word.ok_or_else(|| scanner.missing("ON"))?);
            }
        };
        if words.is_empty() {
            return Err(scanner.missing("a privilege"));
        }
        items.push(Item { name: words.join(" "), columns });
        if is_last {
            return Ok(items);
        }
    }
}

fn scope(scanner: &mut Scanner<'_>) -> Result<Scope, NoGrant> {
    let _ = scanner.word("TABLE");
    let database = scanner.name()?;
    if !scanner.sign('.') {
        return Err(scanner.missing("."));
    }
    Ok(match (database, scanner.name()?) {
        (Name::All, Name::All) => Scope::Everything,
        (Name::Of(database), Name::All) => Scope::Database(database),
        (Name::Of(database), Name::Of(table)) => Scope::Table(database, table),
        (Name::All, Name::Of(_)) => return Err(scanner.missing("*")),
    })
}

fn granted(items: Vec<Item<'_>>, on: Scope) -> Result<Grant, NoGrant> {
    let all = match on {
        Scope::Everything => PrivilegeSet::ALL_GLOBAL,
        Scope::Database(_) => PrivilegeSet::ALL_OF_DATABASE,
        Scope::Table(..) => PrivilegeSet::ALL_OF_TABLE,
    };
    let is_global = on == Scope::Everything;
    let mut grant = Grant { on, privileges: PrivilegeSet::NONE, columns: Vec::new() };
    for Item { name, columns } in items {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        match (Privilege::of_name(&name), columns) {
            (Some(privilege), None) => grant.privileges.add(privilege.into()),
            (Some(privilege), Some(columns)) => {
                let columns = columns.into_iter().map(|column| (privilege, column.to_owned()));
                grant.columns.extend(columns);
            }
            (None, None) if is("USAGE") => {}
            (None, None) if is("ALL PRIVILEGES") || is("ALL") => grant.privileges.add(all),
            // Privileges on everything that this does not know decide about no table.
            (None, None) if is_global && is_dynamic(&name) => {}
            (None, _) => return Err(NoGrant { wanted: "a privilege", rest: name }),
        }
    }
    Ok(grant)
}

/// Whether a name has the form of those that plugins and versions add: one word, underscores in it.
fn is_dynamic(name: &str) -> bool {
    name.contains('_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A name in what privileges are on.
enum Name {
    /// `*`
    All,
    Of(String),
}

/// What is left of a line.
struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn missing(&self, wanted: &'static str) -> NoGrant {
        NoGrant { wanted, rest: self.rest.to_owned() }
    }

    /// Takes this sign, if it comes next, and the blanks around it.
    fn sign(&mut self, sign: char) -> bool {
        match self.rest.trim_start().strip_prefix(sign) {
            Some(rest) => {
                self.rest = if sign == '.' { rest } else { rest.trim_start() };
                true
            }
            None => false,
        }
    }

    /// The letters, digits and `_` that come next.
    fn peek_word(&self) -> Option<(&'a str, &'a str)> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        (!word.is_empty()).then_some((word, rest))
    }

    /// Takes this word, if it comes next.
    fn word(&mut self, wanted: &str) -> bool {
        match self.peek_word() {
            Some((word, rest)) if word.eq_ignore_ascii_case(wanted) => {
                self.rest = rest.trim_start();
                true
            }
            _ => false,
        }
    }

    fn any_word(&mut self) -> Option<&'a str> {
        let (word, rest) = self.peek_word()?;
        self.rest = rest.trim_start();
        Some(word)
    }

    /// The names up to the closing parenthesis.
    fn columns(&mut self) -> Result<Vec<&'a str>, NoGrant> {
        let missing = || self.missing(")");
        let (inside, rest) = self.rest.split_once(')').ok_or_else(missing)?;
        self.rest = rest.trim_start();
        Ok(inside.split(',').map(|name| name.trim().trim_matches('`')).collect())
    }

    /// A name, between backticks or quotes, or bare.
    fn name(&mut self) -> Result<Name, NoGrant> {
        if let Some(rest) = self.rest.strip_prefix('*') {
            self.rest = rest.trim_start();
            return Ok(Name::All);
        }
        let quote = self.rest.chars().next().filter(|first| matches!(first, '`' | '"'));
        let Some(quote) = quote else {
            let end = self.rest.find(['.', ' ', '`', '"', '\'']).unwrap_or(self.rest.len());
            let (name, rest) =
                self.rest.split_at_checked(end).ok_or_else(|| self.missing("a name"))?;
            if name.is_empty() {
                return Err(self.missing("a name"));
            }
            self.rest = rest.trim_start();
            return Ok(Name::Of(name.to_owned()));
        };
        let mut name = String::new();
        let mut inside = self.rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = inside.next() {
            if c != quote {
                name.push(c);
            } else if inside.next_if(|(_, next)| *next == quote).is_some() {
                name.push(quote);
            } else {
                let rest = self.rest.get(at + quote.len_utf8()..).unwrap_or_default();
                self.rest = rest.trim_start();
                return Ok(Name::Of(name));
            }
        }
        Err(self.missing("the end of a name"))
    }
}

/// The accounts in what `CURRENT_ROLE()` gives: `` `role`@`host`,`role`@`host` ``, or `NONE`.
pub(super) fn roles(text: &str) -> Result<Vec<Account>, NoGrant> {
    let mut scanner = Scanner { rest: text.trim() };
    if scanner.rest.is_empty() || scanner.rest.eq_ignore_ascii_case("NONE") {
        return Ok(Vec::new());
    }
    let mut roles = Vec::new();
    loop {
        let Name::Of(user) = scanner.name()? else { return Err(scanner.missing("a role")) };
        if !scanner.sign('@') {
            return Err(scanner.missing("@"));
        }
        let Name::Of(host) = scanner.name()? else { return Err(scanner.missing("a host")) };
        roles.push(Account { user, host });
        if !scanner.sign(',') {
            break;
        }
    }
    match scanner.rest {
        "" => Ok(roles),
        _ => Err(scanner.missing(",")),
    }
}
