/* Preloaded into an emitted CUDA program where there is no GPU: device memory is host memory, kernels do nothing, libraries offer no
 * engine (so the program takes its own kernels). What is left is the program's dealings with memory: every cudaMalloc is written to
 * the file named by NETC_ALLOCATIONS, and every copy must lie inside one of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1024 };
static struct { char* data; size_t bytes; } blocks[MOST];
static int count;

static int inside(const void* p, size_t bytes) {
  for (int i = 0; i < count; ++i)
    if ((const char*)p >= blocks[i].data && (const char*)p + bytes <= blocks[i].data + blocks[i].bytes) return 1;
  return 0;
}

int cudaMalloc(void** out, size_t bytes) {
  const char* path = getenv("NETC_ALLOCATIONS");
  FILE* file = path ? fopen(path, "a") : NULL;
  if (file) { fprintf(file, "%zu\n", bytes); fclose(file); }
  *out = aligned_alloc(512, (bytes + 511) / 512 * 512);
  if (!*out || count == MOST) return 2; /* cudaErrorMemoryAllocation */
  memset(*out, 0, bytes);
  blocks[count].data = *out;
  blocks[count++].bytes = bytes;
  return 0;
}
int cudaFree(void* p) { (void)p; return 0; }
int cudaMallocHost(void** out, size_t bytes) { *out = malloc(bytes); return *out ? 0 : 2; }
int cudaFreeHost(void* p) { free(p); return 0; }
int cudaMemcpyAsync(void* to, const void* from, size_t bytes, int kind, void* stream) {
  (void)stream;
  if (!inside(kind == 1 ? to : from, bytes)) { fprintf(stderr, "shim: a copy of %zu bytes outside every allocation\n", bytes); exit(9); }
  memcpy(to, from, bytes);
  return 0;
}
int cudaMemsetAsync(void* p, int value, size_t bytes, void* stream) {
  (void)stream;
  if (!inside(p, bytes)) { fprintf(stderr, "shim: a fill of %zu bytes outside every allocation\n", bytes); exit(9); }
  memset(p, value, bytes);
  return 0;
}
int cudaGetDeviceCount(int* n) { *n = 1; return 0; }
int cudaGetDevice(int* n) { *n = 0; return 0; }
int cudaGetDeviceProperties(void* properties, int device) {
  (void)device;
  strcpy((char*)properties, "shim"); /* the name comes first; the caller zeroed the rest */
  return 0;
}
int cudaMemGetInfo(size_t* available, size_t* total) { *available = *total = (size_t)8 << 30; return 0; }
int cudaRuntimeGetVersion(int* version) { *version = 13000; return 0; }
int cudaGetLastError(void) { return 0; }
int cudaStreamCreateWithFlags(void** s, unsigned f) { (void)f; *s = malloc(1); return 0; }
int cudaStreamDestroy(void* s) { free(s); return 0; }
int cudaStreamSynchronize(void* s) { (void)s; return 0; }
int cudaStreamWaitEvent(void* s, void* e, unsigned f) { (void)s; (void)e; (void)f; return 0; }
int cudaEventCreateWithFlags(void** e, unsigned f) { (void)f; *e = malloc(1); return 0; }
int cudaEventDestroy(void* e) { free(e); return 0; }
int cudaEventRecord(void* e, void* s) { (void)e; (void)s; return 0; }
int cudaEventSynchronize(void* e) { (void)e; return 0; }
int __cudaLaunchKernel(void) { return 0; }
int cudaLaunchKernel(void) { return 0; }
int __cudaPushCallConfiguration(void) { return 0; }
int __cudaPopCallConfiguration(void) { return 0; }
int __cudaGetKernel(void** kernel, const void* entry) { *kernel = (void*)entry; return 0; }

int cudnnCreate(void** handle) { *handle = malloc(1); return 0; }
int cudnnDestroy(void* handle) { free(handle); return 0; }
int cudnnSetStream(void* handle, void* stream) { (void)handle; (void)stream; return 0; }
int cudnnBackendCreateDescriptor(int kind, void** descriptor) { (void)kind; *descriptor = malloc(1); return 0; }
int cudnnBackendDestroyDescriptor(void* descriptor) { free(descriptor); return 0; }
int cudnnBackendSetAttribute(void) { return 0; }
int cudnnBackendGetAttribute(void* d, int name, int type, long requested, long* got, void* out) {
  (void)d; (void)name; (void)type; (void)requested; (void)out;
  if (got) *got = 0;
  return 0;
}
int cudnnBackendFinalize(void* descriptor) { (void)descriptor; return 3000; /* CUDNN_STATUS_NOT_SUPPORTED */ }
int cudnnBackendExecute(void) { fprintf(stderr, "shim: an engine ran that was never offered\n"); exit(9); }

int cublasLtCreate(void** handle) { *handle = malloc(1); return 0; }
int cublasLtDestroy(void* handle) { free(handle); return 0; }
int cublasLtMatmulAlgoGetHeuristic(void* h, void* d, void* a, void* b, void* c, void* e, void* p, int wanted, void* results, int* found) {
  (void)h; (void)d; (void)a; (void)b; (void)c; (void)e; (void)p; (void)wanted; (void)results;
  *found = 0;
  return 15; /* CUBLAS_STATUS_NOT_SUPPORTED */
}
