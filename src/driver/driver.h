// From the command line to an exit status.
#pragma once

namespace netc {

/// 0: done; 1: an error, said on standard error; 3: the network does not fit.
int run(int argc, char** argv);

}  // namespace netc
