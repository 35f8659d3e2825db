//! Why stored statistics are of no use.

/// Why stored statistics, or a part of them, can't be used. Whoever meets one goes on without that
/// part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// A count-min sketch that is no such message.
    #[error("a count-min sketch that can't be decoded: {reason}")]
    Sketch {
        /// What the decoder met.
        reason: String,
    },
    /// A count-min sketch without counters, or with rows of different lengths.
    #[error("a count-min sketch whose {depth} rows are not of one length")]
    SketchShape {
        /// Its rows.
        depth: usize,
    },
    /// A bound of a bucket, or a frequent value, that is no value of its column.
    #[error("{text:?} is no {type_name}: {reason}")]
    Value {
        /// The start of the value.
        text: String,
        /// The column's type.
        type_name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A bucket whose bounds are not above those of the bucket before, or that counts less than
    /// nothing.
    #[error("bucket {bucket} {reason}")]
    Bucket {
        /// Its number, counted from zero.
        bucket: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A version of statistics that is not known.
    #[error("statistics of version {0} are not known")]
    Version(i64),
    /// More of something than statistics of one column are read.
    #[error("more than {most} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most that is read.
        most: usize,
    },
}
