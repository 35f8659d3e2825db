//! What a user may read, write and see: what TiDB lets the same user do, no more and no less.

mod listing;
mod login;
mod matrix;
mod refresh;
mod unread;
mod writers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tifusion::{AccessDenied, Error, ErrorKind};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

const PASSWORD: &str = "hunter2'\\x";

/// Two databases of a test's own, `<name>_a` and `<name>_b`, `$a` and `$b` in its statements.
struct Scene {
    cluster: Arc<Cluster>,
    root: Tidb,
    name: String,
    users: Vec<String>,
}

/// A user of TiDB: who talks to TiDB, and who reads by this library.
struct User {
    name: String,
    tidb: Tidb,
    ours: Connector,
}

const TABLES: &[&str] = &[
    "CREATE TABLE $a.t (id INT PRIMARY KEY, v INT, w VARCHAR(20))",
    "CREATE TABLE $a.u (id INT PRIMARY KEY, v INT)",
    "CREATE TABLE $a.p (id INT, v INT) PARTITION BY RANGE (id) \
     (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE $b.t (id INT PRIMARY KEY, v INT)",
    "INSERT INTO $a.t VALUES (1, 10, 'x'), (2, 20, 'y')",
    "INSERT INTO $a.p VALUES (1, 10), (11, 20)",
    "INSERT INTO $b.t VALUES (1, 100), (2, 200)",
    "CREATE SQL SECURITY DEFINER VIEW $a.definers AS SELECT id, v FROM $b.t",
    "CREATE SQL SECURITY INVOKER VIEW $a.invokers AS SELECT id, v FROM $b.t",
    "CREATE SQL SECURITY INVOKER VIEW $a.invokers_of_definers AS SELECT id FROM $a.definers",
    "CREATE SQL SECURITY DEFINER VIEW $a.definers_of_invokers AS SELECT id FROM $a.invokers",
];

impl Scene {
    async fn of(name: &str) -> Option<Self> {
        let cluster = Cluster::of(Shape::default(), name)?;
        let mut root = Tidb::connect(&cluster.tidb).await;
        root.run(["SET time_zone = '+00:00'"]).await;
        let mut scene = Self { cluster, root, name: name.to_owned(), users: Vec::new() };
        for database in ["$a", "$b"] {
            let database = scene.named(database);
            scene.root.fresh_database(&database).await;
        }
        scene.run(TABLES).await;
        Some(scene)
    }

    /// `$a`, `$b` and `$n`, a number that was never used.
    fn named(&self, statement: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1000);
        let number = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let (a, b) = (format!("{}_a", self.name), format!("{}_b", self.name));
        statement.replace("$a", &a).replace("$b", &b).replace("$n", &number)
    }

    async fn run(&mut self, statements: &[&str]) {
        for statement in statements {
            let statement = self.named(statement);
            self.root.run([statement]).await;
        }
    }

    /// Makes a user of this name and runs these statements, in which it is `$user`.
    async fn make_user(&mut self, name: &str, grants: &[&str]) -> String {
        let user = format!("{}_{name}", self.name);
        self.root.run([format!("DROP USER IF EXISTS '{user}'")]).await;
        let password = PASSWORD.replace('\\', "\\\\").replace('\'', "''");
        self.root.run([format!("CREATE USER '{user}' IDENTIFIED BY '{password}'")]).await;
        for grant in grants {
            let grant = self.named(&grant.replace("$user", &format!("'{user}'")));
            self.root.run([grant]).await;
        }
        self.users.push(user.clone());
        user
    }

    /// The same, logged in.
    async fn user(&mut self, name: &str, grants: &[&str], settings: &[(&str, &str)]) -> User {
        let name = self.make_user(name, grants).await;
        let mut tidb = Tidb::connect_as(&self.cluster.tidb, &name, PASSWORD).await;
        tidb.run(["SET time_zone = '+00:00'"]).await;
        let ours = self.connect(&name, settings).await.unwrap_or_else(|error| panic!("{error}"));
        User { name, tidb, ours }
    }

    async fn connect(&self, user: &str, settings: &[(&str, &str)]) -> Result<Connector, Error> {
        let (host, port) = self.cluster.tidb.rsplit_once(':').unwrap();
        let place = [
            ("tidb.addr", host),
            ("tidb.port", port),
            ("tidb.user", user),
            ("tidb.password", PASSWORD),
            ("sql.auth.enable", "true"),
            ("write.enable", "true"),
        ];
        Connector::try_connect(&self.cluster, &[&place, settings].concat()).await
    }

    async fn end(mut self) {
        for user in std::mem::take(&mut self.users) {
            self.root.run([format!("DROP USER IF EXISTS '{user}'")]).await;
        }
    }
}

/// What an error of ours refuses.
fn refused(error: &Error) -> &AccessDenied {
    assert_eq!(error.kind(), ErrorKind::Security, "{error}");
    error.downcast_ref::<AccessDenied>().unwrap_or_else(|| panic!("{error:?}"))
}
