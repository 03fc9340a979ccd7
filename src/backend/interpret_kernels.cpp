#include "backend/interpret_kernels.h"

#include <type_traits>
#include <unordered_map>
#include <utility>

#include "cuda/workspace.h"
#include "support/check.h"

namespace netc {

namespace {

static_assert(static_cast<int>(Activation::hardsigmoid) == static_cast<int>(netrt::Activation::hardsigmoid), "the two lists of activations differ");

/// Fills a desc struct from the plan's fields at `batch`; names and order must agree.
template <class D>
D fill(const Desc& desc, int64_t batch) {
  D made{};
  size_t next = 0;
  made.fields([&](const char* name, auto& member) {
    NETC_CHECK(next < desc.fields.size() && desc.fields[next].name == name, "a kernel's constants differ from the op row's");
    const Field& field = desc.fields[next++];
    using M = std::decay_t<decltype(member)>;
    if constexpr (std::is_same_v<M, netrt::Activation>)
      member = static_cast<netrt::Activation>(field.integer);
    else if constexpr (std::is_floating_point_v<M>)
      member = static_cast<M>(field.real);
    else
      member = static_cast<M>(field.at(batch));
  });
  NETC_CHECK(next == desc.fields.size(), "an op row gives a kernel more constants than it has");
  return made;
}

template <class T>
constexpr bool is_desc = std::is_class_v<std::remove_cvref_t<T>> && !std::is_same_v<std::remove_cvref_t<T>, netrt::Workspace>;

template <class... A>
struct Signature {
  static constexpr size_t pointers = (size_t{0} + ... + (std::is_pointer_v<A> ? 1 : 0));
  static constexpr bool workspace = (false || ... || std::is_same_v<A, netrt::Workspace>);
};

template <class T, class D>
decltype(auto) argument(size_t index, void* const* pointers, const D& desc, netrt::Workspace workspace) {
  if constexpr (std::is_pointer_v<T>)
    return static_cast<T>(pointers[index]);
  else if constexpr (std::is_same_v<T, netrt::Workspace>)
    return workspace;
  else
    return (desc);
}

template <class D, class... A, size_t... I>
BoundKernel bind_kernel(void (*kernel)(netrt::Context&, A...), const Desc& fields, int64_t batch, std::index_sequence<I...>) {
  const D desc = fill<D>(fields, batch);
  return [kernel, desc](netrt::Context& ctx, void* const* pointers, netrt::Workspace workspace) {
    kernel(ctx, argument<A, D>(I, pointers, desc, workspace)...);
  };
}

/// The struct of constants among a kernel's parameters.
template <class... A>
struct FindDesc;
template <class First, class... Rest>
struct FindDesc<First, Rest...> {
  using type = typename std::conditional_t<is_desc<First>, std::type_identity<std::remove_cvref_t<First>>, FindDesc<Rest...>>::type;
};
template <>
struct FindDesc<> {
  using type = void;
};

template <class... A>
KernelEntry entry(const char* name, const char* desc_type, void (*kernel)(netrt::Context&, A...)) {
  using D = typename FindDesc<A...>::type;
  KernelEntry made;
  made.name = name;
  made.pointers = Signature<A...>::pointers;
  made.takes_workspace = Signature<A...>::workspace;
  made.desc_type = desc_type;
  made.bind = [kernel](const Desc& fields, int64_t batch) { return bind_kernel<D>(kernel, fields, batch, std::index_sequence_for<A...>{}); };
  return made;
}

template <class D, class... A>
KernelEntry entry(const char* name, const char* desc_type, void (*kernel)(netrt::Context&, A...), size_t (*cpu)(const D&), size_t (*cuda)(const D&)) {
  KernelEntry made = entry(name, desc_type, kernel);
  made.cpu_workspace = [cpu](const Desc& fields, int64_t batch) { return static_cast<int64_t>(cpu(fill<D>(fields, batch))); };
  made.cuda_workspace = [cuda](const Desc& fields, int64_t batch) { return static_cast<int64_t>(cuda(fill<D>(fields, batch))); };
  return made;
}

std::vector<KernelEntry> make_entries() {
  return {
      entry("conv_forward", "ConvDesc", netrt::conv_forward, netrt::conv_forward_workspace, netrt::cuda::conv_forward_workspace),
      entry("conv_backward_data", "ConvDesc", netrt::conv_backward_data, netrt::conv_backward_data_workspace,
            netrt::cuda::conv_backward_data_workspace),
      entry("conv_backward_weights", "ConvDesc", netrt::conv_backward_weights, netrt::conv_backward_weights_workspace,
            netrt::cuda::conv_backward_weights_workspace),
      entry("deconv_forward", "ConvDesc", netrt::deconv_forward, netrt::deconv_forward_workspace, netrt::cuda::deconv_forward_workspace),
      entry("deconv_backward_data", "ConvDesc", netrt::deconv_backward_data, netrt::deconv_backward_data_workspace,
            netrt::cuda::deconv_backward_data_workspace),
      entry("deconv_backward_weights", "ConvDesc", netrt::deconv_backward_weights, netrt::deconv_backward_weights_workspace,
            netrt::cuda::deconv_backward_weights_workspace),
      entry("fc_forward", "FcDesc", netrt::fc_forward, netrt::fc_forward_workspace, netrt::cuda::fc_forward_workspace),
      entry("fc_backward_data", "FcDesc", netrt::fc_backward_data, netrt::fc_backward_data_workspace, netrt::cuda::fc_backward_data_workspace),
      entry("fc_backward_weights", "FcDesc", netrt::fc_backward_weights, netrt::fc_backward_weights_workspace,
            netrt::cuda::fc_backward_weights_workspace),
      entry("pool_forward", "PoolDesc", netrt::pool_forward),
      entry("pool_backward", "PoolDesc", netrt::pool_backward),
      entry("avgpool_forward", "PoolDesc", netrt::avgpool_forward),
      entry("avgpool_backward", "PoolDesc", netrt::avgpool_backward),
      entry("upsample_forward", "UpsampleDesc", netrt::upsample_forward),
      entry("upsample_backward", "UpsampleDesc", netrt::upsample_backward),
      entry("bn_forward", "BnDesc", netrt::bn_forward, netrt::bn_forward_workspace, netrt::cuda::bn_forward_workspace),
      entry("bn_apply", "BnDesc", netrt::bn_apply),
      entry("bn_evaluate", "BnDesc", netrt::bn_evaluate),
      entry("bn_backward", "BnDesc", netrt::bn_backward, netrt::bn_backward_workspace, netrt::cuda::bn_backward_workspace),
      entry("norm_forward", "NormDesc", netrt::norm_forward),
      entry("norm_backward", "NormDesc", netrt::norm_backward, netrt::norm_backward_workspace, netrt::cuda::norm_backward_workspace),
      entry("rmsnorm_forward", "NormDesc", netrt::rmsnorm_forward),
      entry("rmsnorm_backward", "NormDesc", netrt::rmsnorm_backward, netrt::rmsnorm_backward_workspace, netrt::cuda::rmsnorm_backward_workspace),
      entry("groupnorm_forward", "GroupNormDesc", netrt::groupnorm_forward),
      entry("groupnorm_apply", "GroupNormDesc", netrt::groupnorm_apply),
      entry("groupnorm_backward", "GroupNormDesc", netrt::groupnorm_backward, netrt::groupnorm_backward_workspace,
            netrt::cuda::groupnorm_backward_workspace),
      entry("lrn_forward", "LrnDesc", netrt::lrn_forward),
      entry("lrn_backward", "LrnDesc", netrt::lrn_backward),
      entry("embed_forward", "EmbedDesc", netrt::embed_forward),
      entry("embed_backward", "EmbedDesc", netrt::embed_backward),
      entry("lstm_forward", "RecurrentDesc", netrt::lstm_forward, netrt::lstm_forward_workspace, netrt::cuda::lstm_forward_workspace),
      entry("lstm_backward", "RecurrentDesc", netrt::lstm_backward, netrt::lstm_backward_workspace, netrt::cuda::lstm_backward_workspace),
      entry("gru_forward", "RecurrentDesc", netrt::gru_forward, netrt::gru_forward_workspace, netrt::cuda::gru_forward_workspace),
      entry("gru_backward", "RecurrentDesc", netrt::gru_backward, netrt::gru_backward_workspace, netrt::cuda::gru_backward_workspace),
      entry("position_forward", "PositionDesc", netrt::position_forward),
      entry("position_backward_weights", "PositionDesc", netrt::position_backward_weights),
      entry("cls_forward", "ClsDesc", netrt::cls_forward),
      entry("cls_backward_weights", "ClsDesc", netrt::cls_backward_weights),
      entry("rope_forward", "RopeDesc", netrt::rope_forward),
      entry("attn_forward", "AttnDesc", netrt::attn_forward, netrt::attn_forward_workspace, netrt::cuda::attn_forward_workspace),
      entry("attn_backward", "AttnDesc", netrt::attn_backward, netrt::attn_backward_workspace, netrt::cuda::attn_backward_workspace),
      entry("act_forward", "ActDesc", netrt::act_forward),
      entry("act_mask", "ActDesc", netrt::act_mask),
      entry("act_backward_from_output", "ActDesc", netrt::act_backward_from_output),
      entry("act_backward_from_input", "ActDesc", netrt::act_backward_from_input),
      entry("act_backward_from_mask", "ActDesc", netrt::act_backward_from_mask),
      entry("softmax_forward", "SoftmaxDesc", netrt::softmax_forward),
      entry("softmax_backward", "SoftmaxDesc", netrt::softmax_backward),
      entry("drop_forward", "DropDesc", netrt::drop_forward),
      entry("scale_forward", "ScaleDesc", netrt::scale_forward),
      entry("scale_backward_weights", "ScaleDesc", netrt::scale_backward_weights, netrt::scale_backward_weights_workspace,
            netrt::cuda::scale_backward_weights_workspace),
      entry("add_forward", "AddDesc", netrt::add_forward),
      entry("mul_forward", "MulDesc", netrt::mul_forward),
      entry("mul_reduce", "MulDesc", netrt::mul_reduce),
      entry("shuffle_forward", "ShuffleDesc", netrt::shuffle_forward),
      entry("channels_copy", "ChannelsDesc", netrt::channels_copy),
      entry("channels_scatter", "ChannelsDesc", netrt::channels_scatter),
      entry("place_forward", "PlaceDesc", netrt::place_forward),
      entry("loss_softmax", "LossDesc", netrt::loss_softmax),
      entry("loss_bce", "LossDesc", netrt::loss_bce),
      entry("loss_mse", "LossDesc", netrt::loss_mse),
      entry("loss_softmax_evaluate", "LossDesc", netrt::loss_softmax_evaluate),
      entry("loss_bce_evaluate", "LossDesc", netrt::loss_bce_evaluate),
      entry("loss_mse_evaluate", "LossDesc", netrt::loss_mse_evaluate),
      entry("zero_fill", "CountDesc", netrt::zero_fill),
      entry("accumulate", "CountDesc", netrt::accumulate),
      entry("square_sum", "CountDesc", netrt::square_sum),
      entry("clip_scale", "ClipDesc", netrt::clip_scale),
      entry("sgd_update", "SgdDesc", netrt::sgd_update),
      entry("adam_update", "AdamDesc", netrt::adam_update),
      entry("rmsprop_update", "RmspropDesc", netrt::rmsprop_update),
  };
}

}  // namespace

const std::vector<KernelEntry>& kernel_entries() {
  static const std::vector<KernelEntry> entries = make_entries();
  return entries;
}

const KernelEntry* find_kernel(std::string_view name) {
  static const auto by_name = [] {
    std::unordered_map<std::string_view, const KernelEntry*> map;
    for (const KernelEntry& entry : kernel_entries()) map.emplace(entry.name, &entry);
    return map;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace netc
