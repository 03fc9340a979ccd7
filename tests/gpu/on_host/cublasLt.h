// The few names of cuBLASLt that runtime/cuda's headers mention.
#pragma once

using cublasLtHandle_t = void*;
enum cublasStatus_t { CUBLAS_STATUS_SUCCESS = 0 };
