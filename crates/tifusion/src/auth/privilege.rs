//! TiDB's privileges.

use std::fmt;

/// A privilege of TiDB, as `GRANT` names it. Those that TiDB calls dynamic (`BACKUP_ADMIN`, …) have no say in reading
/// and writing tables and are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Privilege {
    /// `ALTER`
    Alter,
    /// `ALTER ROUTINE`
    AlterRoutine,
    /// `CONFIG`
    Config,
    /// `CREATE`
    Create,
    /// `CREATE ROLE`
    CreateRole,
    /// `CREATE ROUTINE`
    CreateRoutine,
    /// `CREATE TABLESPACE`
    CreateTablespace,
    /// `CREATE TEMPORARY TABLES`
    CreateTemporaryTables,
    /// `CREATE USER`
    CreateUser,
    /// `CREATE VIEW`
    CreateView,
    /// `DELETE`
    Delete,
    /// `DROP`
    Drop,
    /// `DROP ROLE`
    DropRole,
    /// `EVENT`
    Event,
    /// `EXECUTE`
    Execute,
    /// `FILE`
    File,
    /// `GRANT OPTION`
    GrantOption,
    /// `INDEX`
    Index,
    /// `INSERT`
    Insert,
    /// `LOCK TABLES`
    LockTables,
    /// `PROCESS`
    Process,
    /// `REFERENCES`
    References,
    /// `RELOAD`
    Reload,
    /// `REPLICATION CLIENT`
    ReplicationClient,
    /// `REPLICATION SLAVE`
    ReplicationSlave,
    /// `SELECT`
    Select,
    /// `SHOW DATABASES`
    ShowDatabases,
    /// `SHOW VIEW`
    ShowView,
    /// `SHUTDOWN`
    Shutdown,
    /// `SUPER`
    Super,
    /// `TRIGGER`
    Trigger,
    /// `UPDATE`
    Update,
}

use Privilege::{
    Alter, AlterRoutine, Config, Create, CreateRole, CreateRoutine, CreateTablespace,
    CreateTemporaryTables, CreateUser, CreateView, Delete, Drop, DropRole, Event, Execute, File,
    GrantOption, Index, Insert, LockTables, Process, References, Reload, ReplicationClient,
    ReplicationSlave, Select, ShowDatabases, ShowView, Shutdown, Super, Trigger, Update,
};

const NAMES: [(Privilege, &str); 32] = [
    (Alter, "ALTER"),
    (AlterRoutine, "ALTER ROUTINE"),
    (Config, "CONFIG"),
    (Create, "CREATE"),
    (CreateRole, "CREATE ROLE"),
    (CreateRoutine, "CREATE ROUTINE"),
    (CreateTablespace, "CREATE TABLESPACE"),
    (CreateTemporaryTables, "CREATE TEMPORARY TABLES"),
    (CreateUser, "CREATE USER"),
    (CreateView, "CREATE VIEW"),
    (Delete, "DELETE"),
    (Drop, "DROP"),
    (DropRole, "DROP ROLE"),
    (Event, "EVENT"),
    (Execute, "EXECUTE"),
    (File, "FILE"),
    (GrantOption, "GRANT OPTION"),
    (Index, "INDEX"),
    (Insert, "INSERT"),
    (LockTables, "LOCK TABLES"),
    (Process, "PROCESS"),
    (References, "REFERENCES"),
    (Reload, "RELOAD"),
    (ReplicationClient, "REPLICATION CLIENT"),
    (ReplicationSlave, "REPLICATION SLAVE"),
    (Select, "SELECT"),
    (ShowDatabases, "SHOW DATABASES"),
    (ShowView, "SHOW VIEW"),
    (Shutdown, "SHUTDOWN"),
    (Super, "SUPER"),
    (Trigger, "TRIGGER"),
    (Update, "UPDATE"),
];

impl Privilege {
    /// The privilege of this name, in whatever case.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let found = NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.map(|(privilege, _)| *privilege)
    }

    /// As `GRANT` names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(privilege, _)| *privilege == self);
        found.map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of privileges.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PrivilegeSet(u64);

impl PrivilegeSet {
    /// None.
    pub(crate) const NONE: Self = Self(0);

    /// All that there are, `GRANT OPTION` too.
    pub(crate) const ANY: Self = {
        let mut all = Self(0);
        let mut at = 0;
        while at < NAMES.len() {
            all.0 |= 1 << at;
            at += 1;
        }
        all
    };

    /// What `ALL PRIVILEGES` means behind a grant on everything.
    pub(super) const ALL_GLOBAL: Self = Self::ANY.without(Self::of(&[GrantOption]));

    /// What `ALL PRIVILEGES` means behind a grant on a database.
    pub(super) const ALL_OF_DATABASE: Self = Self::of(&[
        Select,
        Insert,
        Update,
        Delete,
        Create,
        Drop,
        References,
        LockTables,
        CreateTemporaryTables,
        Event,
        CreateRoutine,
        AlterRoutine,
        Alter,
        Execute,
        Index,
        CreateView,
        ShowView,
        Trigger,
    ]);

    /// What `ALL PRIVILEGES` means behind a grant on a table.
    pub(super) const ALL_OF_TABLE: Self = Self::of(&[
        Select, Insert, Update, Delete, Create, Drop, Index, References, Alter, CreateView,
        ShowView, Trigger,
    ]);

    /// Any of these on everything makes all databases visible.
    pub(super) const SHOWS_DATABASES: Self = Self::of(&[
        Create,
        Select,
        Insert,
        Update,
        Delete,
        ShowDatabases,
        Drop,
        Alter,
        Index,
        CreateView,
        ShowView,
        GrantOption,
        Trigger,
        References,
        Execute,
        CreateTemporaryTables,
    ]);

    /// Any of these makes a table visible where tables are listed.
    pub(super) const SHOWS_TABLE: Self = Self::ANY.without(Self::of(&[CreateTemporaryTables]));

    /// Any of these shows what columns a table has.
    pub(super) const SHOWS_COLUMNS: Self = Self::of(&[Insert, Select, Update, References]);

    /// These.
    pub(crate) const fn of(privileges: &[Privilege]) -> Self {
        let mut bits = 0;
        let mut rest = privileges;
        while let [first, others @ ..] = rest {
            bits |= 1_u64 << (*first as u8);
            rest = others;
        }
        Self(bits)
    }

    /// These without `others`.
    pub(super) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether any of `others` is among these.
    pub(super) fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether there is none.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Takes `others` in.
    pub(super) fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// These, in the order of their names.
    pub(crate) fn iter(self) -> impl Iterator<Item = Privilege> {
        let all = NAMES.iter().map(|(privilege, _)| *privilege);
        all.filter(move |privilege| self.has_any(Self::of(&[*privilege])))
    }
}

impl From<Privilege> for PrivilegeSet {
    fn from(privilege: Privilege) -> Self {
        Self::of(&[privilege])
    }
}

impl fmt::Debug for PrivilegeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_privilege_is_a_bit_of_its_own_and_found_by_its_name() {
        for (at, (privilege, name)) in NAMES.iter().enumerate() {
            assert_eq!(PrivilegeSet::of(&[*privilege]).0, 1 << at, "{name}");
            assert_eq!(Privilege::of_name(&name.to_lowercase()), Some(*privilege));
            assert_eq!(privilege.to_string(), *name);
        }
        assert_eq!(Privilege::of_name("BACKUP_ADMIN"), None);
        assert_eq!(PrivilegeSet::ANY.iter().count(), NAMES.len());
        assert!(!PrivilegeSet::ALL_GLOBAL.has_any(GrantOption.into()));
    }
}
