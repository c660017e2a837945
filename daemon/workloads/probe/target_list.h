#pragma once

#include "workloads/item_list.h"
#include "workloads/probe/target.h"

namespace evloopd::workloads {

using TargetList = ItemList<ProbeTarget>;

}  // namespace evloopd::workloads
