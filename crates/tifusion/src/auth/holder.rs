//! What one account or role was granted.

use tifusion_schema::model::ci_str::to_lower;

use super::grant::{Account, Grant, Line, Scope, parse};
use super::pattern::DatabasePattern;
use super::privilege::{Privilege, PrivilegeSet};

/// The grants of an account, or of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holder {
    everything: PrivilegeSet,
    /// In the order of their texts, which is the order that TiDB looks through: the first that matches counts.
    databases: Vec<(DatabasePattern, PrivilegeSet)>,
    tables: Vec<(TableKey, PrivilegeSet)>,
    columns: Vec<(TableKey, Privilege, String)>,
    /// What is not meant by the grants on everything.
    revoked: Vec<(DatabasePattern, PrivilegeSet)>,
}

/// Names in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TableKey {
    database: String,
    table: String,
}

impl TableKey {
    fn new(database: &str, table: &str) -> Self {
        Self { database: to_lower(database), table: to_lower(table) }
    }
}

impl Holder {
    /// What these lines of `SHOW GRANTS` give to `account`. A line that can't be understood gives nothing, and is
    /// warned of.
    pub(super) fn of<'a>(lines: impl IntoIterator<Item = &'a str>, account: &Account) -> Self {
        let mut holder = Self::default();
        let mut is_cut = false;
        for line in lines {
            match parse(line, account) {
                Ok(Line::Grant(grant)) => holder.take(grant),
                Ok(Line::Revoke(grant)) => is_cut |= !holder.lose(grant),
                Ok(Line::Roles) => {}
                Err(error) => {
                    tracing::warn!(%error, grant = line, "a grant that can't be understood gives nothing");
                    is_cut |= line
                        .trim_start()
                        .get(..6)
                        .is_some_and(|first| first.eq_ignore_ascii_case("revoke"));
                }
            }
        }
        // What a line takes away that can't be understood may be anything of them.
        if is_cut {
            holder.everything = PrivilegeSet::NONE;
        }
        holder.databases.sort_by(|(one, _), (other, _)| one.text().cmp(other.text()));
        holder
    }

    fn take(&mut self, grant: Grant) {
        match &grant.on {
            Scope::Everything => self.everything.add(grant.privileges),
            Scope::Database(pattern) => {
                self.databases.push((DatabasePattern::new(pattern), grant.privileges));
            }
            Scope::Table(database, table) => {
                let key = TableKey::new(database, table);
                for (privilege, column) in grant.columns {
                    self.columns.push((key.clone(), privilege, to_lower(&column)));
                }
                self.tables.push((key, grant.privileges));
            }
        }
    }

    /// Takes note of a part of the grants on everything that is not granted; whether it is such a part.
    fn lose(&mut self, grant: Grant) -> bool {
        match grant.on {
            Scope::Database(pattern) => {
                self.revoked.push((DatabasePattern::new(&pattern), grant.privileges));
                true
            }
            Scope::Everything | Scope::Table(..) => false,
        }
    }

    /// What this has and `own` has not: that of a role, where this is both together.
    pub(super) fn beyond(mut self, own: &Self) -> Self {
        self.everything = self.everything.without(own.everything);
        self.databases.retain_mut(|(pattern, privileges)| {
            let same = own.databases.iter().filter(|(other, _)| other.text() == pattern.text());
            for (_, had) in same {
                *privileges = privileges.without(*had);
            }
            !privileges.is_empty()
        });
        self.tables.retain_mut(|(key, privileges)| {
            for (_, had) in own.tables.iter().filter(|(other, _)| other == key) {
                *privileges = privileges.without(*had);
            }
            !privileges.is_empty()
        });
        self.columns.retain(|column| !own.columns.contains(column));
        self
    }

    /// What it has on everything, in a database of this name.
    pub(super) fn everywhere(&self, database: &str) -> PrivilegeSet {
        let lost = self.revoked.iter().filter(|(pattern, _)| pattern.matches(database));
        lost.fold(self.everything, |left, (_, privileges)| left.without(*privileges))
    }

    pub(super) fn on_database(&self, database: &str) -> PrivilegeSet {
        let found = self.databases.iter().find(|(pattern, _)| pattern.matches(database));
        found.map_or(PrivilegeSet::NONE, |(_, privileges)| *privileges)
    }

    pub(super) fn on_table(&self, database: &str, table: &str) -> PrivilegeSet {
        let key = TableKey::new(database, table);
        let found = self.tables.iter().filter(|(other, _)| *other == key);
        found.fold(PrivilegeSet::NONE, |mut all, (_, privileges)| {
            all.add(*privileges);
            all
        })
    }

    /// Columns of a table that it has a privilege on.
    pub(super) fn columns_of(
        &self,
        database: &str,
        table: &str,
        privilege: Privilege,
    ) -> impl Iterator<Item = &str> {
        let key = TableKey::new(database, table);
        let found =
            self.columns.iter().filter(move |(of, what, _)| *of == key && *what == privilege);
        found.map(|(_, _, column)| column.as_str())
    }

    /// A column of some table that it may read by a grant on columns: database, table, column.
    pub(super) fn some_read_column(&self) -> Option<(&str, &str, &str)> {
        let mut read = self.columns.iter().filter(|(_, what, _)| *what == Privilege::Select);
        let (key, _, column) = read.next()?;
        Some((&key.database, &key.table, column))
    }

    /// Whether a database of this name is there for it.
    pub(super) fn sees_database(&self, database: &str) -> bool {
        let of_it = |key: &TableKey| key.database == to_lower(database);
        self.everywhere(database).has_any(PrivilegeSet::SHOWS_DATABASES)
            || !self.on_database(database).is_empty()
            || self.tables.iter().any(|(key, privileges)| of_it(key) && !privileges.is_empty())
            || self.columns.iter().any(|(key, ..)| of_it(key))
    }

    /// The patterns of databases and the names of tables that it has any of these privileges on.
    pub(super) fn places(&self, any: PrivilegeSet) -> Vec<String> {
        if self.everything.has_any(any) {
            return vec!["*.*".to_owned()];
        }
        let databases = self.databases.iter().filter(|(_, privileges)| privileges.has_any(any));
        let databases = databases.map(|(pattern, _)| format!("{}.*", pattern.text()));
        let tables = self.tables.iter().filter(|(_, privileges)| privileges.has_any(any));
        let tables = tables.map(|(key, _)| format!("{}.{}", key.database, key.table));
        databases.chain(tables).collect()
    }
}
