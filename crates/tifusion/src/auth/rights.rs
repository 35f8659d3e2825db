//! What a user may do.

use std::collections::HashSet;
use std::time::Instant;

use parking_lot::Mutex;
use tifusion_schema::model::ci_str::to_lower;

use super::denied::AccessDenied;
use super::grant::Account;
use super::holder::Holder;
use super::privilege::{Privilege, PrivilegeSet};
use crate::error::Result;

/// The rights of a user at one time: its own grants and those of its active roles, each of which may allow a thing.
#[derive(Debug)]
pub(crate) struct Rights {
    account: Account,
    /// The user's own, then those of roles.
    holders: Vec<Holder>,
    /// Whether TiDB goes by grants on columns; versions before 8.5.6 keep them and do not.
    by_column: bool,
    read_at: Instant,
    /// Views that TiDB has said the user may read, by database and name in lower case.
    views: Mutex<HashSet<(String, String)>>,
}

impl Rights {
    /// What the user `account` may do by the grants of these, which were read at `read_at`.
    pub(super) fn new(account: Account, holders: Vec<Holder>, read_at: Instant) -> Self {
        Self { account, holders, by_column: false, read_at, views: Mutex::default() }
    }

    /// The same where TiDB goes by grants on columns, or not.
    pub(super) fn by_column(self, by_column: bool) -> Self {
        Self { by_column, ..self }
    }

    /// Whether these are the rights of `other`, read at another time perhaps.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.account, &self.holders, self.by_column)
            == (&other.account, &other.holders, other.by_column)
    }

    /// When it was asked what they are.
    pub(super) fn read_at(&self) -> Instant {
        self.read_at
    }

    /// The user, `'user'@'host'`.
    pub(crate) fn user(&self) -> String {
        self.account.to_string()
    }

    /// A column that the user may read if TiDB goes by grants on columns.
    pub(super) fn some_read_column(&self) -> Option<(&str, &str, &str)> {
        let found = self.holders.iter().filter_map(Holder::some_read_column);
        let mut only_so = found
            .filter(|(database, table, _)| !self.allows(Privilege::Select.into(), database, table));
        only_so.next()
    }

    /// Whether the user has any of these privileges on all of a table; with an empty name of a table, on a database.
    pub(crate) fn allows(&self, any: PrivilegeSet, database: &str, table: &str) -> bool {
        self.holders.iter().any(|holder| {
            holder.everywhere(database).has_any(any)
                || holder.on_database(database).has_any(any)
                || holder.on_table(database, table).has_any(any)
        })
    }

    /// Whether the user has this privilege on a column, by a grant on columns.
    fn allows_column(&self, what: Privilege, database: &str, table: &str, column: &str) -> bool {
        let column = to_lower(column);
        let of_one =
            |holder: &Holder| holder.columns_of(database, table, what).any(|it| it == column);
        self.by_column && self.holders.iter().any(of_one)
    }

    /// Whether the user has this privilege on any column, by a grant on columns.
    fn allows_some_column(&self, what: Privilege, database: &str, table: &str) -> bool {
        let of_one = |holder: &Holder| holder.columns_of(database, table, what).next().is_some();
        self.by_column && self.holders.iter().any(of_one)
    }

    /// Whether a database is listed, and may be used.
    pub(crate) fn sees_database(&self, database: &str) -> bool {
        self.holders.iter().any(|holder| holder.sees_database(database))
    }

    /// Whether a table or view is listed.
    pub(crate) fn sees_table(&self, database: &str, table: &str) -> bool {
        self.allows(PrivilegeSet::SHOWS_TABLE, database, table)
            || self.sees_by_column(PrivilegeSet::SHOWS_COLUMNS, database, table)
    }

    fn sees_by_column(&self, any: PrivilegeSet, database: &str, table: &str) -> bool {
        any.iter().any(|what| self.allows_some_column(what, database, table))
    }

    /// Refuses a database that the user has no privilege in.
    ///
    /// # Errors
    /// [`AccessDenied::Database`].
    pub(crate) fn check_database(&self, database: &str) -> Result<()> {
        match self.sees_database(database) {
            true => Ok(()),
            false => {
                let database = database.to_owned();
                Err(AccessDenied::Database { user: self.user(), database }.into())
            }
        }
    }

    /// Refuses a table that the user has no privilege on, whether or not it is there.
    ///
    /// # Errors
    /// [`AccessDenied::Table`].
    pub(crate) fn check_known(&self, database: &str, table: &str) -> Result<()> {
        let known = self.allows(PrivilegeSet::ANY, database, table)
            || self.sees_by_column(PrivilegeSet::SHOWS_COLUMNS, database, table);
        self.require(known, Privilege::Select, database, table)
    }

    /// Refuses to say what columns a table has.
    ///
    /// # Errors
    /// [`AccessDenied::Table`].
    pub(crate) fn check_describe(&self, database: &str, table: &str) -> Result<()> {
        let any = PrivilegeSet::SHOWS_COLUMNS;
        let may = self.allows(any, database, table) || self.sees_by_column(any, database, table);
        self.require(may, Privilege::Select, database, table)
    }

    /// Refuses a statement for which the user lacks a privilege on all of a table.
    ///
    /// # Errors
    /// [`AccessDenied::Table`].
    pub(crate) fn check(&self, what: Privilege, database: &str, table: &str) -> Result<()> {
        self.require(self.allows(what.into(), database, table), what, database, table)
    }

    /// Refuses a statement for which the user lacks a privilege on some of these columns of a table, or on any column
    /// where there are none.
    ///
    /// # Errors
    /// [`AccessDenied::Table`], or [`AccessDenied::Column`] where the user has it on some.
    pub(crate) fn check_columns<'a>(
        &self,
        what: Privilege,
        (database, table): (&str, &str),
        columns: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        if self.allows(what.into(), database, table) {
            return Ok(());
        }
        self.require(self.allows_some_column(what, database, table), what, database, table)?;
        let mut columns = columns.into_iter();
        match columns.find(|column| !self.allows_column(what, database, table, column)) {
            None => Ok(()),
            Some(column) => Err(AccessDenied::Column {
                user: self.user(),
                privilege: what,
                database: database.to_owned(),
                table: table.to_owned(),
                column: column.to_owned(),
            }
            .into()),
        }
    }

    /// Refuses to show how a view is made, as its plan does.
    ///
    /// # Errors
    /// [`AccessDenied::ViewPlan`].
    pub(crate) fn check_view_plan(
        &self,
        what: Privilege,
        database: &str,
        view: &str,
    ) -> Result<()> {
        match self.allows(what.into(), database, view) {
            true => Ok(()),
            false => Err(AccessDenied::ViewPlan {
                user: self.user(),
                privilege: what,
                database: database.to_owned(),
                table: view.to_owned(),
            }
            .into()),
        }
    }

    fn require(&self, may: bool, what: Privilege, database: &str, table: &str) -> Result<()> {
        match may {
            true => Ok(()),
            false => Err(AccessDenied::Table {
                user: self.user(),
                privilege: what,
                database: database.to_owned(),
                table: table.to_owned(),
            }
            .into()),
        }
    }

    /// Whether TiDB has said that the user may read this view.
    pub(super) fn has_view(&self, database: &str, view: &str) -> bool {
        self.views.lock().contains(&(to_lower(database), to_lower(view)))
    }

    /// Takes note that it did.
    pub(super) fn keep_view(&self, database: &str, view: &str) {
        self.views.lock().insert((to_lower(database), to_lower(view)));
    }

    /// Where the user has any of these privileges: `*.*`, `database.*`, `database.table`.
    pub(crate) fn places(&self, any: PrivilegeSet) -> Vec<String> {
        let mut places: Vec<_> =
            self.holders.iter().flat_map(|holder| holder.places(any)).collect();
        places.sort_unstable();
        places.dedup();
        if places.iter().any(|place| place == "*.*") {
            places.retain(|place| place == "*.*");
        }
        places
    }
}
