//! Messages as lines, one per field that is set, by reflection over the .proto files.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use prost_reflect::{DescriptorPool, DynamicMessage, Kind, Value};
use tifusion_testkit::cluster::repository;

use super::names::Names;
use super::side::Store;

/// Fields that tell about the run and not about the data: how long it took, and on what.
const ABOUT_THE_RUN: [&str; 7] = [
    "coprocessor.Response.cache_last_version",
    "kvrpcpb.LockInfo.duration_to_last_update_ms",
    "coprocessor.Response.exec_details",
    "coprocessor.Response.latest_buckets_version",
    "tipb.SelectResponse.execution_summaries",
    "tipb.SelectResponse.output_counts",
    "kvrpcpb.ExecDetailsV2",
];

/// Text for people: that there is some is compared, what it says is each store's own.
const FOR_PEOPLE: [&str; 5] = [
    "kvrpcpb.KeyError.retryable",
    "kvrpcpb.KeyError.abort",
    "coprocessor.Response.other_error",
    "tipb.Error.msg",
    "pdpb.Error.message",
];

/// Fields that TiKV fills and unistore never does, so that there is nothing to compare them with. Should unistore come
/// to fill one, the playground's answers are not as recorded any more. The embedded cluster's own tests look at them.
const NEVER_TOLD_BY_UNISTORE: [&str; 7] = [
    "tipb.SelectResponse.warning_count",
    "kvrpcpb.GetResponse.not_found",
    "kvrpcpb.CommitResponse.commit_version",
    "kvrpcpb.LockInfo.txn_size",
    "kvrpcpb.MvccLock.txn_size",
    "kvrpcpb.MvccLock.ttl",
    "kvrpcpb.WriteConflict.primary",
];

/// Writes messages as lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    /// Names for what differs from run to run.
    pub(crate) names: &'a Names,
    /// What answered.
    pub(crate) store: Store,
}

fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        let root = repository().join("crates/proto/proto");
        let files = proto_files(&root);
        let set = protox::compile(files, [&root]).expect("the .proto files compile");
        DescriptorPool::from_file_descriptor_set(set).expect("the .proto files are whole")
    })
}

fn proto_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of the .proto files");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let nested = paths.flat_map(|path| if path.is_dir() { proto_files(&path) } else { vec![path] });
    nested.filter(|path| path.extension().is_some_and(|extension| extension == "proto")).collect()
}

impl Writer<'_> {
    /// The fields of an encoded message, as lines `path: value`; all that are not their default.
    pub(crate) fn lines(self, message: &str, bytes: &[u8]) -> Vec<String> {
        let descriptor =
            pool().get_message_by_name(message).expect("a message of the .proto files");
        let decoded = DynamicMessage::decode(descriptor, bytes).expect("an encoded message");
        let mut lines = Vec::new();
        self.walk(&decoded, "", &mut lines);
        lines
    }

    fn walk(self, message: &DynamicMessage, path: &str, lines: &mut Vec<String>) {
        let mut fields: Vec<_> = message.fields().collect();
        fields.sort_by_key(|(field, _)| field.number());
        for (field, value) in fields {
            let kind = field.kind();
            let inner = kind.as_message().map(|inner| inner.full_name().to_owned());
            if self.is_left_out(message, field.full_name())
                || inner.is_some_and(|inner| ABOUT_THE_RUN.contains(&inner.as_str()))
            {
                continue;
            }
            let path = if path.is_empty() {
                field.name().to_owned()
            } else {
                format!("{path}.{}", field.name())
            };
            if FOR_PEOPLE.contains(&field.full_name()) {
                lines.push(format!("{path}: some text"));
            } else if let Value::List(values) = value {
                for (at, value) in values.iter().enumerate() {
                    self.put(value, &kind, format!("{path}[{at}]"), lines);
                }
            } else {
                self.put(value, &kind, path, lines);
            }
        }
    }

    /// Whether a field of `message` is not to be compared.
    fn is_left_out(self, message: &DynamicMessage, field: &str) -> bool {
        // TiKV has words for errors that have a field of their own, too.
        let is_beside = FOR_PEOPLE.contains(&field)
            && field.starts_with("kvrpcpb.KeyError")
            && message.fields().count() > 1;
        is_beside
            || ABOUT_THE_RUN.contains(&field)
            || (self.store == Store::TiKv && NEVER_TOLD_BY_UNISTORE.contains(&field))
    }

    fn put(self, value: &Value, kind: &Kind, path: String, lines: &mut Vec<String>) {
        let names = self.names;
        let text = match value {
            Value::Message(inner) => {
                let before = lines.len();
                self.walk(inner, &path, lines);
                if lines.len() > before {
                    return;
                }
                "{}".to_owned()
            }
            Value::EnumNumber(number) => kind
                .as_enum()
                .and_then(|kind| kind.get_value(*number))
                .map_or_else(|| number.to_string(), |value| value.name().to_owned()),
            Value::Bytes(bytes) => names.bytes(bytes),
            Value::String(text) => format!("{text:?}"),
            Value::U64(number) => names.number(*number),
            Value::Bool(value) => value.to_string(),
            Value::I32(number) => number.to_string(),
            Value::I64(number) => number.to_string(),
            Value::U32(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        lines.push(format!("{path}: {text}"));
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tifusion_proto::kvrpcpb as kv;

    use super::*;

    #[test]
    fn a_message_is_its_fields_by_path() {
        let mut names = Names::new(b"zz/".to_vec());
        names.add_timestamp(1 << 58);
        let lock = kv::LockInfo {
            key: b"zz/a".to_vec(),
            lock_version: (1 << 58) + 1,
            lock_type: kv::Op::Del.into(),
            duration_to_last_update_ms: 5,
            ..kv::LockInfo::default()
        };
        let locked = kv::KeyError { locked: Some(lock), ..kv::KeyError::default() };
        let aborted = kv::KeyError { abort: "words".to_owned(), ..kv::KeyError::default() };
        let response = kv::PrewriteResponse {
            errors: vec![locked, aborted, kv::KeyError::default()],
            exec_details_v2: Some(kv::ExecDetailsV2::default()),
            ..kv::PrewriteResponse::default()
        };
        let writer = Writer { names: &names, store: Store::Unistore };
        let lines = writer.lines("kvrpcpb.PrewriteResponse", &response.encode_to_vec());
        let expected = [
            "errors[0].locked.lock_version: T1+1",
            "errors[0].locked.key: \"a\"",
            "errors[0].locked.lock_type: Del",
            "errors[1].abort: some text",
            "errors[2]: {}",
        ];
        assert_eq!(lines, expected);
    }
}
