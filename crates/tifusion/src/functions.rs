//! Functions that TiFusion adds to SQL.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `ti_version()`: the versions of TiFusion and DataFusion, as text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TiVersion {
    signature: Signature,
}

/// The function `ti_version()`.
pub(crate) fn ti_version() -> ScalarUDF {
    ScalarUDF::from(TiVersion { signature: Signature::exact(vec![], Volatility::Immutable) })
}

impl ScalarUDFImpl for TiVersion {
    fn name(&self) -> &'static str {
        "ti_version"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let version = format!(
            "TiFusion {}, DataFusion {}",
            env!("CARGO_PKG_VERSION"),
            datafusion::DATAFUSION_VERSION
        );
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(version))))
    }
}
