import { tfjsContract } from './runtimes-tfjs.suite.js';
import { kernelContract } from './tfjs-kernels.suite.js';

tfjsContract('cpu');
kernelContract('cpu');
