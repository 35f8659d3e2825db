import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

import org.apache.spark.sql.SparkSession;

/**
 * TiSpark for tifusion-bench: one Spark for as long as the bench runs.
 *
 * <p>Usage: {@code java -cp JARS Run.java PD DATABASE THREADS}. Each line of the standard input is a statement. Each is
 * answered by a line on the standard output, once all of its rows are here: {@code ok}, a tab and their number, or
 * {@code error}, a tab and why. The first line, {@code ok 0}, says that Spark has found the database.
 */
public final class Run {
    public static void main(String[] arguments) throws Exception {
        // Nobody else may write between the answers.
        PrintStream answers =
                new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        SparkSession spark;
        try {
            spark = connect(arguments[0], arguments[1], arguments[2]);
        } catch (Exception | LinkageError error) {
            answers.println("error\t" + reason(error));
            return;
        }
        answers.println("ok\t0");
        BufferedReader statements =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String statement;
        while ((statement = statements.readLine()) != null) {
            answers.println(answer(spark, statement));
        }
        spark.stop();
    }

    private static SparkSession connect(String pd, String database, String threads) {
        SparkSession spark = SparkSession.builder()
                .appName("tifusion-bench")
                .master("local[" + threads + "]")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.ui.enabled", "false")
                .config("spark.sql.catalogImplementation", "in-memory")
                .config("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir"))
                .config("spark.sql.extensions", "org.apache.spark.sql.TiExtensions")
                .config("spark.sql.catalog.tidb_catalog",
                        "org.apache.spark.sql.catalyst.catalog.TiCatalog")
                .config("spark.sql.catalog.tidb_catalog.pd.addresses", pd)
                .config("spark.tispark.pd.addresses", pd)
                // 200 tasks for each exchange are meant for a cluster.
                .config("spark.sql.shuffle.partitions", threads)
                .config("spark.tispark.isolation_read_engines", "tikv")
                .config("spark.tispark.telemetry.enable", "false")
                .getOrCreate();
        spark.sql("USE tidb_catalog." + database);
        return spark;
    }

    private static String answer(SparkSession spark, String statement) {
        try {
            return "ok\t" + spark.sql(statement).collectAsList().size();
        } catch (Exception | LinkageError error) {
            return "error\t" + reason(error);
        }
    }

    /** The innermost reason, on one line. */
    private static String reason(Throwable error) {
        Throwable reason = error;
        while (reason.getCause() != null) {
            reason = reason.getCause();
        }
        return reason.toString().replaceAll("\\s+", " ");
    }
}
