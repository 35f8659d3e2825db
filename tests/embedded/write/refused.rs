//! What a cluster that is read only refuses.

use tifusion::ErrorKind;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;

use super::SETTINGS;

async fn scene(tables: &str) -> (EmbeddedCluster, Connector) {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster.execute(tables).await.unwrap();
    let session = Connector::embedded(&cluster, &SETTINGS).await;
    session.use_database("test").await;
    (cluster, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_read_only_is_not_written_to() {
    for variable in ["tidb_super_read_only", "tidb_restricted_read_only"] {
        let (cluster, session) = scene("CREATE TABLE test.t (id INT PRIMARY KEY)").await;
        session.query("INSERT INTO t VALUES (1)").await;
        let set = format!(
            "CREATE DATABASE IF NOT EXISTS mysql; CREATE TABLE mysql.global_variables \
             (variable_name VARCHAR(64) PRIMARY KEY, variable_value VARCHAR(1024)); \
             INSERT INTO mysql.global_variables VALUES ('{variable}', 'ON')"
        );
        cluster.execute(&set).await.unwrap();
        for statement in ["INSERT INTO t VALUES (2)", "DELETE FROM t WHERE id = 1"] {
            let error = session.try_query(statement).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{statement}: {error}");
            assert!(error.to_string().contains(variable), "{statement}: {error}");
        }
        assert_eq!(session.query("SELECT id FROM t").await.rows.len(), 1);
    }
}
