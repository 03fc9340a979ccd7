// argv to driver.
#include "driver/driver.h"

int main(int argc, char** argv) { return netc::run(argc, argv); }
