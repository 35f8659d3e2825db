//! Options of a write by the names that they have in TiSpark.

use std::time::Duration;

use super::command::OnDuplicate;
use super::options::WriteOptions;
use super::pre_split::{MOST_REGIONS, PreSplit};
use crate::error::{Error, Result};

/// Options that mean nothing here, and why.
const WITHOUT_MEANING: [(&str, &str); 22] = [
    ("sampleSplitFrac", "the sample is of all keys, as they come"),
    ("splitRegionBackoffMS", "what comes of splitting is no more than speed: it has its own limit"),
    (
        "scatterRegionBackoffMS",
        "what comes of scattering is no more than speed: it has its own limit",
    ),
    ("ttlMode", "locks live as long as the writer gives signs of life"),
    ("lockTTLSeconds", "locks live as long as the writer gives signs of life"),
    ("useSnapshotBatchGet", "rows in the way are always read in batches"),
    ("snapshotBatchGetSize", "rows in the way are always read in batches"),
    ("batchGetBackOfferMS", "statement.timeout bounds a write as a whole"),
    ("prewriteBackOfferMS", "statement.timeout bounds a write as a whole"),
    ("commitBackOfferMS", "a commit that was sent is followed until its outcome is known"),
    (
        "commitPrimaryKeyRetryNumber",
        "a commit that was sent is followed until its outcome is known",
    ),
    ("skipCommitSecondaryKey", "it would leave locks in everybody's way"),
    ("maxWriteTaskNumber", "datafusion.execution.target_partitions says how many tasks there are"),
    ("tidbRowId", "row ids come from TiDB's counters"),
    ("multiTables", "TidbContext::write_together writes to several tables"),
    ("useTableLock", "schema changes are noticed by the definition as of the commit's timestamp"),
    ("tidb.addr", "it is said when connecting"),
    ("tidb.port", "it is said when connecting"),
    ("tidb.user", "it is said when connecting"),
    ("tidb.password", "it is said when connecting"),
    ("tidb.database", "TidbContext::table_writer names the table"),
    ("tidb.table", "TidbContext::table_writer names the table"),
];

/// Options that are taken.
const TAKEN: [&str; 13] = [
    "replace",
    "deduplicate",
    "enableUpdateTableStatistics",
    "rowFormatVersion",
    "enableRegionSplit",
    "regionSplitNum",
    "regionSplitUsingSize",
    "bytesPerRegion",
    "regionSplitKeys",
    "minRegionSplitNum",
    "maxRegionSplitNum",
    "regionSplitThreshold",
    "scatterWaitMS",
];

/// Sets an option, whose name is taken in any case.
///
/// # Errors
/// When there is no such option, it has no meaning here, or its value is none of it.
pub(crate) fn set(
    options: &mut WriteOptions,
    on_duplicate: &mut OnDuplicate,
    name: &str,
    value: &str,
) -> Result<()> {
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    let Some(known) = TAKEN.iter().find(|known| is(known)) else {
        return Err(match WITHOUT_MEANING.iter().find(|(known, _)| is(known)) {
            Some((known, why)) => Error::unsupported(format!(
                "TiSpark's option {known} has no meaning here: {why}; leave it out"
            )),
            None => Error::invalid(format!(
                "{name} is no option of a write; there are {}",
                TAKEN.join(", ")
            )),
        });
    };
    let value = Value { name: known, text: value.trim() };
    match *known {
        "replace" => {
            *on_duplicate = if value.boolean()? { OnDuplicate::Replace } else { OnDuplicate::Fail };
        }
        "deduplicate" => options.deduplicate = value.boolean()?,
        "enableUpdateTableStatistics" => options.update_statistics = value.boolean()?,
        "rowFormatVersion" if value.number()? == 2 => {}
        "rowFormatVersion" => {
            return Err(Error::unsupported(
                "rowFormatVersion: rows are written in version 2, as TiDB does by default since 4.0",
            ));
        }
        _ => set_split(&mut options.split, &value)?,
    }
    Ok(())
}

fn set_split(split: &mut PreSplit, value: &Value<'_>) -> Result<()> {
    match value.name {
        "enableRegionSplit" => split.is_on = value.boolean()?,
        "regionSplitNum" => split.number = value.regions()?,
        "regionSplitUsingSize" => split.by_bytes = value.boolean()?,
        "bytesPerRegion" => split.bytes = value.positive()?,
        "regionSplitKeys" => split.keys = value.positive()?,
        "minRegionSplitNum" => split.least = value.regions()?,
        "maxRegionSplitNum" => split.most = value.regions()?,
        "regionSplitThreshold" => split.threshold = value.number()?,
        _ => split.wait = Duration::from_millis(value.number()?),
    }
    Ok(())
}

/// The value of an option.
struct Value<'a> {
    name: &'static str,
    text: &'a str,
}

impl Value<'_> {
    fn boolean(&self) -> Result<bool> {
        match self.text {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.wrong("true or false")),
        }
    }

    fn number(&self) -> Result<u64> {
        self.text.parse().map_err(|_| self.wrong("a number"))
    }

    fn positive(&self) -> Result<u64> {
        let number = self.number()?;
        if number > 0 { Ok(number) } else { Err(self.wrong("a number above 0")) }
    }

    fn regions(&self) -> Result<u64> {
        let number = self.number()?;
        match number <= MOST_REGIONS {
            true => Ok(number),
            false => Err(self.wrong(&format!("a number up to {MOST_REGIONS}"))),
        }
    }

    fn wrong(&self, wanted: &str) -> Error {
        Error::invalid(format!("{} is {wanted}, not {:?}", self.name, self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_all(all: &[(&str, &str)]) -> Result<(WriteOptions, OnDuplicate)> {
        let (mut options, mut on_duplicate) = (WriteOptions::default(), OnDuplicate::Fail);
        for (name, value) in all {
            set(&mut options, &mut on_duplicate, name, value)?;
        }
        Ok((options, on_duplicate))
    }

    #[test]
    fn options_of_tispark_mean_what_they_mean_there() {
        let (options, on_duplicate) = set_all(&[
            ("replace", "true"),
            ("DEDUPLICATE", "false"),
            ("enableUpdateTableStatistics", "True"),
            ("rowFormatVersion", "2"),
            ("regionSplitThreshold", "100000"),
            ("minRegionSplitNum", "8"),
            ("maxRegionSplitNum", "64"),
            ("bytesPerRegion", "1000"),
            ("scatterWaitMS", "300000"),
            ("regionSplitNum", "0"),
        ])
        .unwrap();
        assert_eq!(on_duplicate, OnDuplicate::Replace);
        assert!(options.update_statistics && !options.deduplicate);
        let expected = PreSplit {
            bytes: 1000,
            threshold: 100_000,
            least: 8,
            most: 64,
            wait: Duration::from_secs(300),
            ..PreSplit::default()
        };
        assert_eq!(options.split, expected);
        let split = |all: &[(&str, &str)]| set_all(all).unwrap().0.split;
        let keys = split(&[("regionSplitUsingSize", "false"), ("regionSplitKeys", "5")]);
        assert_eq!((keys.by_bytes, keys.keys), (false, 5));
        // In whatever order they come.
        let off = split(&[("enableRegionSplit", "false"), ("regionSplitNum", "12")]);
        assert_eq!((off.is_on, off.number), (false, 12));
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let said = |name, value| set_all(&[(name, value)]).unwrap_err().to_string();
        for (name, why) in WITHOUT_MEANING {
            assert!(said(name, "1").contains(why), "{name}");
        }
        for (name, value, why) in [
            ("nosuch", "1", "is no option of a write"),
            ("replace", "1", "true or false"),
            ("rowFormatVersion", "1", "version 2"),
            ("regionSplitNum", "5000", "up to 4096"),
            ("regionSplitThreshold", "-1", "a number"),
            ("bytesPerRegion", "0", "above 0"),
        ] {
            assert!(said(name, value).contains(why), "{name}: {}", said(name, value));
        }
    }
}
